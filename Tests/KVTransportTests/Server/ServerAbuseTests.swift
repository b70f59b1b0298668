import Glibc
import KVCore
import KVWire
import Synchronization
import Testing

@testable import KVTransport

/// Clients that are broken, hostile or slow: the server stays up, its memory bounded, and serves the others.
struct ServerAbuseTests {
    @Test(arguments: [
        Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8),
        [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3] + [UInt8](repeating: 7, count: 500),
        [UInt8](repeating: 0xFF, count: 100_000),
    ])
    func otherProtocolsAreToldAndClosed(bytes: [UInt8]) throws {
        let server = try TestServer()
        let client = try TestClient(server.address)
        try client.send(bytes)
        let goAway = try #require(try client.receive())
        #expect(goAway.header.type == FrameType.goAway.rawValue)
        #expect(goAway.error.code == .invalidArgument)
        #expect(try client.receive() == nil)
        try server.expectItServes()
    }

    @Test func randomBytesAndCutFrames() throws {
        var random = SeededGenerator(seed: 3)
        let server = try TestServer()
        for length in 0..<60 {
            let client = try TestClient(server.address)
            let cut = Array((Preface.bytes + TestClient.get("a key of some length", requestID: 1)).prefix(length))
            try client.send(cut)
            client.close()
            let noise = try TestClient(server.address)
            let prefix = length % 2 == 0 ? Preface.bytes : []
            try noise.send(prefix + (0..<500).map { _ in UInt8.random(in: 0...255, using: &random) })
            noise.close()
        }
        try server.expectItServes()
        try eventually("all connections are closed") { server.server.connectionCount == 0 }
        #expect(server.inputBytes == 0)
        #expect(server.outputBytes == 0)
    }

    /// More than any socket's buffers hold.
    private static let largeBytes = 16 << 20

    @Test func aClientThatNeverReads() throws {
        let server = try TestServer { $0.threadCount = 1 }
        let client = try TestClient(server.address, receiveBufferBytes: 64 << 10)
        let count = UInt32(60)
        let requests = (0..<count).flatMap { TestClient.get("big\(Self.largeBytes)", requestID: $0) }
        try client.send(Preface.bytes + requests)
        // A GiB was asked for. What is kept is the response that crossed the output limit.
        try eventually("replies are queued") { server.outputBytes > 0 }
        for _ in 0..<20 {
            #expect(server.outputBytes <= Self.largeBytes + (1 << 20))
            #expect(server.inputBytes <= 256 << 10)
            usleep(5000)
        }
        try server.expectItServes()

        // It reads at last, and misses nothing.
        #expect(try client.receive()?.header.type == FrameType.hello.rawValue)
        for requestID in 0..<UInt32(5) {
            let reply = try #require(try client.receive())
            #expect(reply.header.requestID == requestID)
            #expect(reply.value?.count == Self.largeBytes)
        }
    }

    @Test func aClientThatReadsLateMissesNothing() throws {
        let server = try TestServer { $0.outputLimitBytes = 10_000 }
        let client = try TestClient(server.address, receiveBufferBytes: 64 << 10)
        let count = UInt32(5000)
        let requests = (0..<count).flatMap { TestClient.get("big5000", requestID: $0) }
        let sent = try client.sendWhileItIsTaken(Preface.bytes + requests)
        #expect(try client.receive()?.header.type == FrameType.hello.rawValue)
        let length = TestClient.get("big5000", requestID: 0).count
        for requestID in 0..<UInt32((sent - Preface.bytes.count) / length) {
            let reply = try #require(try client.receive())
            try #require(reply.header.requestID == requestID)
            try #require(reply.value?.count == 5000)
        }
        #expect(server.inputBytes <= ServerConfiguration.freeInputBytes)
        #expect(server.outputBytes == 0)
    }

    @Test func manyClientsThatNeverReadMeetTheBudget() throws {
        let budget = 2 * Self.largeBytes
        let server = try TestServer { $0.outputBudgetBytes = budget }
        let clients = try (0..<8).map { _ in try TestClient(server.address, receiveBufferBytes: 4096) }
        try eventually("all are accepted") { server.server.connectionCount == 8 }
        let requests = (0..<UInt32(5)).flatMap { TestClient.get("big\(Self.largeBytes)", requestID: $0) }
        for client in clients { try client.send(Preface.bytes + requests) }
        try eventually("some are closed") { server.server.connectionCount < 8 }
        try eventually("the budget is kept") { server.outputBytes <= budget }
        try server.expectItServes()
        #expect(server.server.connectionCount > 0)
        for client in clients { client.close() }
    }

    @Test func aLengthAloneTakesNoMemory() throws {
        let server = try TestServer()
        var header = FrameHeader(type: .request, code: Method.set.rawValue, requestID: 1)
        header.payloadLength = 60 << 20
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress!) }
        let clients = try (0..<100).map { _ in try server.client() }
        for client in clients {
            try client.send(bytes)
            try client.send([UInt8](repeating: 1, count: 1000))
        }
        // The first read keeps a copy of what arrived, the second grows it once.
        usleep(100_000)
        #expect(server.inputBytes <= 100 * (64 << 10))
        try server.expectItServes()
    }

    @Test func incompleteFramesMeetTheBudget() throws {
        let server = try TestServer { $0.inputBudgetBytes = 1 << 20 }
        let frame = TestClient.frame(
            FrameHeader(type: .request, code: Method.set.rawValue, requestID: 1),
            SetRequest(key: [1], value: .init(repeating: 1, count: 1 << 20)).encoded()
        )
        let clients = try (0..<8).map { _ in try server.client() }
        for client in clients { try? client.send(Array(frame.prefix(400_000))) }
        try eventually("some are refused") { server.server.connectionCount < 8 }
        #expect(server.server.connectionCount > 0)
        #expect(server.inputBytes <= 1 << 20)

        // Others are served while the budget is used up, and in small pieces too.
        let small = try server.client()
        for byte in TestClient.get("small", requestID: 4) {
            try small.send([byte])
            usleep(200)
        }
        #expect(try small.receive()?.value == Array("small".utf8))
        for client in clients { client.close() }
        try eventually("the memory is back") { server.inputBytes == 0 }
    }

    @Test func aClientBeyondTheBudgetIsToldWhy() throws {
        let server = try TestServer { $0.inputBudgetBytes = 200_000 }
        let client = try server.client()
        var header = FrameHeader(type: .request, code: Method.set.rawValue, requestID: 1)
        header.payloadLength = 1 << 20
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount + 500_000)
        bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress!) }
        try client.send(bytes)
        let goAway = try #require(try client.receive())
        #expect(goAway.header.type == FrameType.goAway.rawValue)
        #expect(goAway.error.code == .resourceExhausted)
        #expect(goAway.error.reason == .overloaded)
        #expect(try client.receive() == nil)
        #expect(server.inputBytes == 0)
        try server.expectItServes()
    }

    @Test func silentClientsAreClosed() throws {
        let server = try TestServer {
            $0.prefaceTimeoutMilliseconds = 1500
            $0.frameTimeoutMilliseconds = 100
            $0.sendTimeoutMilliseconds = 100
        }
        let mute = try TestClient(server.address)
        let halfway = try TestClient(server.address)
        try halfway.send(Array(Preface.bytes.prefix(3)))
        let idle = try server.client()
        let stuck = try server.client()
        try stuck.send(Array(TestClient.get("abc", requestID: 1).dropLast()))
        let neverReads = try TestClient(server.address, receiveBufferBytes: 4096)
        try neverReads.send(Preface.bytes + (0..<200).flatMap { TestClient.get("big100000", requestID: $0) })

        #expect(try mute.receive() == nil)
        #expect(try halfway.receive() == nil)
        #expect(try stuck.receive() == nil)
        try eventually("only the idle one is left") { server.server.connectionCount == 1 }
        // An established connection may be idle for as long as it likes.
        try idle.get("here", requestID: 1)
        #expect(try idle.receive()?.value == Array("here".utf8))
    }

    @Test func connectionsInExcessAreToldAndClosed() throws {
        let server = try TestServer { $0.maxConnections = 3 }
        let clients = try (0..<3).map { _ in try server.client() }
        let fourth = try TestClient(server.address)
        let goAway = try #require(try fourth.receive())
        #expect(goAway.header.type == FrameType.goAway.rawValue)
        #expect(goAway.error.code == .resourceExhausted)
        #expect(goAway.error.reason == .overloaded)
        #expect(try fourth.receive() == nil)
        clients[0].close()
        try eventually("there is room again") { server.server.connectionCount == 2 }
        try server.expectItServes()
        for client in clients { client.close() }
    }

    @Test func thousandsOfIdleConnections() throws {
        // Both ends are in this process.
        let count = min(5000, (OpenFileLimit.raise() - 1000) / 2)
        try #require(count >= 500, "the limit on open files is too low to tell anything")
        let server = try TestServer { $0.maxConnections = count + 10 }
        let clients = try (0..<count).map { _ in try server.client() }
        #expect(server.server.connectionCount == count)
        for (number, client) in clients.enumerated() {
            try client.get("\(number)", requestID: UInt32(number))
            #expect(try client.receive()?.value == Array("\(number)".utf8))
        }
        // Nothing is kept for a connection between two requests.
        #expect(server.inputBytes == 0)
        #expect(server.outputBytes == 0)
        for client in clients { client.close() }
        try eventually("all are closed") { server.server.connectionCount == 0 }
    }
}
