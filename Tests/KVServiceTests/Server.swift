import KVCore
import KVSharding
import KVStorage
import KVWire

@testable import KVService

/// One node behind one connection, in memory: frames in, frames out. It is n1 of a map in which n2 owns what `owned` leaves.
final class Server {
    let node: Node
    let handler: NodeHandler
    let limits: Limits
    var now: UInt64 = 1_000_000
    private let output = OutputBuffer()
    private var connection: ServerConnection

    init(
        shardCount: Int = 4,
        owned: Set<Int>? = nil,
        limits: Limits = Limits(maxKeyBytes: 100, maxValueBytes: 1 << 20),
        memoryLimitBytes: Int = 0
    ) {
        self.limits = limits
        node = Node(
            name: "n1",
            shardCount: shardCount,
            limits: limits,
            pool: MemoryPool(limitBytes: memoryLimitBytes, hashSeed: 7),
            serverVersion: "test",
            incarnation: 42,
            now: now
        )
        handler = node.makeHandler()
        connection = ServerConnection(limits: limits)
        let owned = owned ?? Set(1...shardCount)
        node.mapChanged(Self.map(shardCount, owned: owned), epoch: 1, now: now)
        // Nobody else answers: the node begins to serve by itself, once it was refused a few times.
        for _ in 0..<150 {
            for call in node.takeCalls() {
                node.replied(call.token, .failure(RPCError(.unavailable, "refused", reason: .refused)), now: now)
            }
            now += 100
            node.tick(now: now)
        }
        let hello = exchange(Preface.bytes)
        precondition(hello.count == 1, "a server says HELLO")
    }

    static func map(_ shardCount: Int, owned: Set<Int>, epoch: UInt64? = nil) -> ShardMap {
        let nodes = [
            "n1": NodeAddress(host: "127.0.0.1", port: 9001), "n2": NodeAddress(host: "127.0.0.1", port: 9002),
        ]
        let members = Dictionary(
            uniqueKeysWithValues: (1...shardCount).map { ($0, owned.contains($0) ? ["n1"] : ["n2"]) }
        )
        return try! ShardMap(epoch: epoch, numShards: shardCount, nodes: nodes, members: members)
    }

    /// A key of a shard.
    func key(shard: Int = 1, _ name: String = "key") -> [UInt8] {
        for number in 0... {
            let key = Array("\(name) \(number)".utf8)
            if Int(key.withUnsafeBytes { RoutingHash.fnv1($0) } % UInt32(node.shardCount)) + 1 == shard { return key }
        }
        preconditionFailure("every shard has keys")
    }

    /// The answer to one request.
    func call<Request: RequestMessage>(_ request: Request) throws(RPCError) -> Request.Response {
        let frames = exchange(Self.frame(Request.method, 1, request.encoded()))
        precondition(frames.count == 1, "one request, one response")
        return try Self.decode(frames[0])
    }

    static func decode<Response: Message>(_ frame: (header: FrameHeader, payload: [UInt8])) throws(RPCError) -> Response
    {
        if frame.header.code & 0xFF != 0 {
            throw frame.payload.withUnsafeBytes { RPCError(header: frame.header, payload: $0) }
        }
        return try Response(decoding: frame.payload)
    }

    static func frame(_ method: Method, _ requestID: UInt32, _ payload: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        let header = FrameHeader(
            type: .request,
            code: method.rawValue,
            requestID: requestID,
            payloadLength: payload.count
        )
        bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress!) }
        return bytes + payload
    }

    /// Sends requests as if each came alone on a connection of its own, and returns the frames that come back on each.
    func exchangeEach(_ requests: [[UInt8]]) -> [[(header: FrameHeader, payload: [UInt8])]] {
        let lengths = requests.map(\.count)
        return requests.flatMap(\.self).withUnsafeBytes { bytes in
            var rest = bytes[...]
            let frames = lengths.compactMap { length in
                defer { rest = rest.dropFirst(length) }
                return connection.loneRequest(UnsafeRawBufferPointer(rebasing: rest.prefix(length)))
            }
            precondition(frames.count == requests.count, "they are requests")
            var answers: [[(header: FrameHeader, payload: [UInt8])]] = []
            output.clear()
            frames.withUnsafeBufferPointer {
                handler.handleEach($0, now: now, output: output) { index in
                    precondition(index == answers.count, "in order, each once")
                    answers.append(Self.frames(output.bytes))
                    output.clear()
                }
            }
            precondition(answers.count == requests.count, "all are answered")
            return answers
        }
    }

    /// Sends bytes and returns the frames that come back.
    func exchange(_ bytes: [UInt8], outputLimit: Int = 1 << 20) -> [(header: FrameHeader, payload: [UInt8])] {
        var rest = bytes[...]
        var frames: [(header: FrameHeader, payload: [UInt8])] = []
        while !rest.isEmpty {
            output.clear()
            let progress = rest.withUnsafeBytes {
                connection.receive($0, handler: handler, now: now, outputLimit: outputLimit, output: output)
            }
            precondition(progress.consumed > 0, "whole frames are consumed")
            rest = rest.dropFirst(progress.consumed)
            frames += Self.frames(output.bytes)
        }
        return frames
    }

    private static func frames(_ bytes: UnsafeRawBufferPointer) -> [(header: FrameHeader, payload: [UInt8])] {
        var rest = bytes[...]
        var frames: [(header: FrameHeader, payload: [UInt8])] = []
        while case .frame(let header, let payload) = FrameParser.next(
            UnsafeRawBufferPointer(rebasing: rest),
            maxPayloadBytes: 1 << 30
        ) {
            frames.append((header, Array(payload)))
            rest = rest.dropFirst(FrameHeader.byteCount + payload.count)
        }
        return frames
    }
}
