import Glibc
import KVCore
import KVWire
import Logging
import Testing

@testable import KVTransport

/// Where a server listens, and how it ends.
struct ServerLifeTests {
    @Test func bindsTheLoopbackAddress() throws {
        let server = try TestServer()
        #expect(server.address.host == "127.0.0.1")
        #expect(server.address.port != 0)
        #expect(server.address.isLoopback)
        #expect(server.address.description == "127.0.0.1:\(server.address.port)")
        try server.expectItServes()
    }

    @Test func resolvesNames() throws {
        let server = try TestServer(host: "localhost")
        #expect(server.address.isLoopback)
        try server.expectItServes()
    }

    private static var hasIPv6: Bool {
        let socket = Glibc.socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { return false }
        defer { close(socket) }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_addr = in6addr_loopback
        return withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) == 0
            }
        }
    }

    @Test(.enabled(if: hasIPv6)) func bindsIPv6() throws {
        let server = try TestServer(host: "::1")
        #expect(server.address.host == "::1")
        #expect(server.address.isLoopback)
        #expect(server.address.description == "[::1]:\(server.address.port)")
        try server.expectItServes()
    }

    private func startError(_ host: String, _ port: UInt16 = 0) -> ServerError? {
        let configuration = ServerConfiguration(host: host, port: port)
        let server = EpollServer(configuration: configuration, logger: Logger(label: "test")) { _ in EchoHandler() }
        do throws(ServerError) {
            _ = try server.start()
            return nil
        } catch { return error }
    }

    @Test func saysWhyItCannotListen() throws {
        let server = try TestServer()
        let taken = startError("127.0.0.1", server.address.port)
        #expect(taken?.cause == .addressInUse)
        #expect(taken?.description == "\(server.address) is in use: another process listens there")
        let unknown = startError("no-such-name.invalid")
        #expect(unknown?.cause == .addressNotAvailable)
        #expect(unknown?.description.hasPrefix("no-such-name.invalid does not resolve: ") == true)
        // An address that is kept free for documents.
        #expect(startError("192.0.2.1")?.description == "192.0.2.1:0 is not an address of this machine")
        try server.expectItServes()
    }

    @Test func drainingTellsEveryClientAndStillAnswers() throws {
        let server = try TestServer()
        let clients = try (0..<5).map { _ in try server.client() }
        let fresh = try TestClient(server.address)
        try eventually("it was accepted") { server.server.connectionCount == 6 }
        server.server.beginDraining()
        for client in clients + [fresh] {
            let goAway = try #require(try client.receive())
            #expect(goAway.header.type == FrameType.goAway.rawValue)
            #expect(goAway.error.code == .unavailable)
            #expect(goAway.error.reason == .draining)
        }
        for client in clients {
            try client.get("last", requestID: 8)
            #expect(try client.receive()?.value == Array("last".utf8))
        }
        try eventually("nobody is accepted any more") { (try? TestClient(server.address)) == nil }
        server.server.beginDraining()
        try clients[0].get("once is enough", requestID: 9)
        #expect(try clients[0].receive()?.header.requestID == 9)
    }

    @Test func shutDownClosesEverythingAndCanBeRepeated() throws {
        let server = try TestServer()
        let clients = try (0..<5).map { _ in try server.client() }
        server.server.shutDown()
        for client in clients { #expect(try client.receive() == nil) }
        #expect(server.server.connectionCount == 0)
        #expect((try? TestClient(server.address)) == nil)
        server.server.shutDown()
        server.server.beginDraining()
        server.server.shutDown()
    }

    @Test func shutDownUnderLoadEndsInTime() throws {
        for _ in 0..<10 {
            let server = try TestServer { $0.threadCount = 3 }
            let clients = try (0..<6).map { _ in try server.client() }
            for client in clients {
                try client.send((0..<UInt32(300)).flatMap { TestClient.get("big10000", requestID: $0) })
            }
            // Some that were never taken over by their loop.
            let late = try (0..<20).map { _ in try TestClient(server.address) }
            server.server.shutDown()
            #expect(server.server.connectionCount == 0)
            #expect(server.outputBytes == 0)
            for client in late { client.close() }
        }
    }

    @Test func aServerThatNeverStartedShutsDown() {
        let configuration = ServerConfiguration(host: "127.0.0.1", port: 0)
        let server = EpollServer(configuration: configuration, logger: Logger(label: "test")) { _ in EchoHandler() }
        server.beginDraining()
        server.shutDown()
        #expect(server.connectionCount == 0)
    }

    @Test func thePortIsFreeAfterwards() throws {
        let server = try TestServer()
        let client = try server.client()
        try client.get("x", requestID: 1)
        _ = try client.receive()
        let port = server.address.port
        server.server.shutDown()
        let again = try TestServer { $0.port = port }
        try again.expectItServes()
    }
}
