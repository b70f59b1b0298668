import Glibc
import KVCore
import KVWire
import Logging
import Synchronization
import Testing

@testable import KVTransport

/// Answers a Get with its key as the value, or, where the key is `big` and a number, with so many bytes; a Set with
/// nothing.
final class EchoHandler: RequestHandler {
    private let decoder = RequestDecoder()
    private let writer = ResponseWriter()
    private let counters: Counters

    final class Counters: Sendable {
        let requests = Atomic<Int>(0)
        /// Those that came alone, with others of their kind.
        let loneRequests = Atomic<Int>(0)
        let maintenances = Atomic<Int>(0)
        let loops = Atomic<Int>(0)
    }

    init(counters: Counters = Counters()) {
        self.counters = counters
        counters.loops.add(1, ordering: .relaxed)
    }

    func handleEach(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        output: OutputBuffer,
        answered: (Int) -> Void
    ) {
        if requests.count > 1 { counters.loneRequests.add(requests.count, ordering: .relaxed) }
        for index in requests.indices {
            _ = handle(UnsafeBufferPointer(rebasing: requests[index...index]), now: now, outputLimit: 1, output: output)
            answered(index)
        }
    }

    func handle(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        outputLimit: Int,
        output: OutputBuffer
    ) -> Int {
        decoder.reset(firstPayloadBytes: requests[0].payload.count)
        var answered = 0
        for request in requests {
            if answered > 0 && output.count >= outputLimit { break }
            if request.method == .set, decoder.set(request.payload) != nil {
                writer.mutation(request.requestID, to: output)
            } else if request.method == .get, let get = decoder.get(request.payload) {
                let key = String(decoding: get.key, as: UTF8.self)
                if key.hasPrefix("big"), let count = Int(key.dropFirst(3)) {
                    let value = [UInt8](repeating: UInt8(truncatingIfNeeded: request.requestID), count: count)
                    value.withUnsafeBytes { writer.get(request.requestID, value: $0, to: output) }
                } else {
                    writer.get(request.requestID, value: get.key, to: output)
                }
            } else if decoder.isFull && answered > 0 {
                break
            } else {
                writer.error(request.requestID, RPCError(.invalidArgument, "malformed"), to: output)
            }
            answered += 1
        }
        counters.requests.add(answered, ordering: .relaxed)
        return answered
    }

    func hello(now: UInt64) -> Hello {
        Hello(serverTimeMilliseconds: now, limits: Limits(), node: "n1", serverVersion: "1.0.0", mapEpoch: 7)
    }

    func maintain(now: UInt64) -> Int {
        counters.maintenances.add(1, ordering: .relaxed)
        return 20
    }
}

/// A server on a free port of this machine, shut down when it goes out of scope.
final class TestServer {
    let server: EpollServer
    let address: BoundAddress
    let counters: EchoHandler.Counters

    init(host: String = "127.0.0.1", _ configure: (inout ServerConfiguration) -> Void = { _ in }) throws {
        var configuration = ServerConfiguration(host: host, port: 0, threadCount: 2)
        configure(&configuration)
        let counters = EchoHandler.Counters()
        self.counters = counters
        server = EpollServer(configuration: configuration, logger: Logger(label: "test")) { _ in
            EchoHandler(counters: counters)
        }
        address = try server.start()
    }

    deinit { server.shutDown() }

    var inputBytes: Int { server.gauges.inputBytes.load(ordering: .relaxed) }
    var outputBytes: Int { server.gauges.outputBytes.load(ordering: .relaxed) }

    /// A client that has sent the preface and read the HELLO.
    func client() throws -> TestClient {
        let client = try TestClient(address)
        try client.send(Preface.bytes)
        try #require(try client.receive()?.header.type == FrameType.hello.rawValue)
        return client
    }

    func expectItServes() throws {
        let client = try client()
        try client.get("still there", requestID: 5)
        #expect(try client.receive()?.value == Array("still there".utf8))
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = "\(description): \(String(cString: strerror(errno)))" }
}

/// A blocking client that knows nothing but the protocol's bytes.
final class TestClient {
    struct Frame: Equatable {
        var header: FrameHeader
        var payload: [UInt8]
        var value: [UInt8]? { (try? GetResponse(decoding: payload))?.value }
        var error: RPCError { payload.withUnsafeBytes { RPCError(header: header, payload: $0) } }
    }

    private var socket: Int32 = -1

    init(_ address: BoundAddress, receiveBufferBytes: Int32? = nil) throws {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, String(address.port), &hints, &found) == 0, let found else {
            throw TestFailure("getaddrinfo")
        }
        defer { freeaddrinfo(found) }
        socket = Glibc.socket(found.pointee.ai_family, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw TestFailure("socket") }
        // No test waits for ever.
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        if var bytes = receiveBufferBytes {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        guard connect(socket, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            throw TestFailure("connect")
        }
    }

    deinit { close() }

    func close() {
        if socket >= 0 { _ = Glibc.close(socket) }
        socket = -1
    }

    func endSending() { shutdown(socket, Int32(SHUT_WR)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try trySend(rest, waits: true)
            rest = rest.dropFirst(count)
        }
    }

    /// Sends until the server takes no more for a while; returns how much it took.
    func sendWhileItIsTaken(_ bytes: [UInt8]) throws -> Int {
        var sent = 0
        var idleRounds = 0
        while sent < bytes.count && idleRounds < 50 {
            let count = try trySend(bytes[sent...], waits: false)
            sent += count
            idleRounds = count > 0 ? 0 : idleRounds + 1
            if count == 0 { usleep(10_000) }
        }
        return sent
    }

    private func trySend(_ bytes: ArraySlice<UInt8>, waits: Bool) throws -> Int {
        let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
        let count = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, flags) }
        if count >= 0 { return count }
        if !waits && errno == EAGAIN { return 0 }
        throw TestFailure("send")
    }

    static func frame(_ header: FrameHeader, _ payload: [UInt8]) -> [UInt8] {
        var header = header
        header.payloadLength = UInt32(payload.count)
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress!) }
        return bytes + payload
    }

    static func get(_ key: String, requestID: UInt32) -> [UInt8] {
        frame(
            FrameHeader(type: .request, code: Method.get.rawValue, requestID: requestID),
            GetRequest(key: Array(key.utf8)).encoded()
        )
    }

    func get(_ key: String, requestID: UInt32) throws { try send(Self.get(key, requestID: requestID)) }

    /// The next frame; nil = the server closed the connection.
    func receive() throws -> Frame? {
        guard let bytes = try receive(FrameHeader.byteCount) else { return nil }
        let header = bytes.withUnsafeBytes { FrameHeader(reading: $0.baseAddress!) }
        guard let payload = try receive(Int(header.payloadLength)) else { throw TestFailure("a cut frame") }
        return Frame(header: header, payload: payload)
    }

    private func receive(_ count: Int) throws -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let chunk = [UInt8](unsafeUninitializedCapacity: count - bytes.count) { buffer, arrived in
                arrived = max(0, recv(socket, buffer.baseAddress, buffer.count, 0))
            }
            if chunk.isEmpty {
                if errno == EAGAIN { throw TestFailure("nothing came") }
                return bytes.isEmpty ? nil : bytes
            }
            bytes += chunk
        }
        return bytes
    }
}

/// A seeded generator, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Waits until something that happens on another thread has happened.
func eventually(_ what: String, _ condition: () throws -> Bool) throws {
    for _ in 0..<2000 {
        if try condition() { return }
        usleep(5000)
    }
    throw TestFailure("not within 10 seconds: \(what)")
}
