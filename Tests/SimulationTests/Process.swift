import KVCore
import KVStorage
import KVWire

@testable import KVService

/// One simulated server: a real node and one handler; a crash loses both.
final class Process {
    let node: Node
    let handler: NodeHandler
    /// Stopped without being gone: it answers nothing, and its connections stay open.
    var isHung = false
    private let output = OutputBuffer()

    init(
        name: String,
        shardCount: Int,
        incarnation: UInt64,
        hashSeed: UInt64,
        now: UInt64,
        report: @escaping @Sendable (ReplicationEvent) -> Void
    ) {
        node = Node(
            name: name,
            shardCount: shardCount,
            limits: Limits(),
            pool: MemoryPool(hashSeed: hashSeed),
            serverVersion: "simulated",
            incarnation: incarnation,
            now: now,
            report: report
        )
        handler = node.makeHandler()
    }

    /// Has the handler answer an encoded request.
    func answer<Request: RequestMessage>(_ request: Request, now: UInt64) -> Result<Request.Response, RPCError> {
        let payload = request.encoded()
        output.clear()
        payload.withUnsafeBytes { payload in
            let frame = RequestFrame(method: Request.method, requestID: 1, timeoutMilliseconds: 0, payload: payload)
            withUnsafePointer(to: frame) { frame in
                let frames = UnsafeBufferPointer(start: frame, count: 1)
                _ = handler.handle(frames, now: now, outputLimit: 1, output: output)
            }
        }
        guard case .frame(let header, let body) = FrameParser.next(output.bytes, maxPayloadBytes: 1 << 30) else {
            preconditionFailure("a handler answers each request with a frame")
        }
        if header.code & 0xFF != 0 { return .failure(RPCError(header: header, payload: body)) }
        do throws(RPCError) { return .success(try Request.Response(decoding: body)) } catch { return .failure(error) }
    }
}
