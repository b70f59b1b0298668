internal import KVCore
package import KVService
internal import KVStorage
package import KVWire

/// One simulated server: a real node and one handler; a crash loses both.
package final class Process {
    package let node: Node
    package let handler: NodeHandler
    /// Tells the lives of a server apart.
    let life: UInt64
    /// Stopped without being gone: it does nothing, and what reaches it waits.
    private(set) var isHung = false
    private var backlog: [() -> Void] = []
    /// Few, as the keys of a simulation are.
    private static let bucketCount = 64
    private let output = OutputBuffer()

    init(
        name: String,
        shardCount: Int,
        incarnation: UInt64,
        hashSeed: UInt64,
        policy: ReplicationCoordinator.Policy,
        wall: UInt64,
        report: @escaping @Sendable (ReplicationEvent) -> Void
    ) {
        life = incarnation
        node = Node(
            name: name,
            shardCount: shardCount,
            limits: Limits(),
            pool: MemoryPool(hashSeed: hashSeed),
            serverVersion: "simulated",
            incarnation: incarnation,
            policy: policy,
            bucketCount: Self.bucketCount,
            now: wall,
            report: report
        )
        handler = node.makeHandler()
    }

    /// Has the handler answer an encoded request.
    /// - Parameter wall: the process's own clock.
    package func answer<Request: RequestMessage>(_ request: Request, wall: UInt64) -> Result<Request.Response, RPCError>
    {
        let payload = request.encoded()
        output.clear()
        payload.withUnsafeBytes { payload in
            let frame = RequestFrame(method: Request.method, requestID: 1, timeoutMilliseconds: 0, payload: payload)
            withUnsafePointer(to: frame) { frame in
                let frames = UnsafeBufferPointer(start: frame, count: 1)
                _ = handler.handle(frames, now: wall, outputLimit: 1, output: output)
            }
        }
        guard case .frame(let header, let body) = FrameParser.next(output.bytes, maxPayloadBytes: 1 << 30) else {
            preconditionFailure("a handler answers each request with a frame")
        }
        if header.code & 0xFF != 0 { return .failure(RPCError(header: header, payload: body)) }
        do throws(RPCError) { return .success(try Request.Response(decoding: body)) } catch { return .failure(error) }
    }

    /// Runs `body` at once, or when the process goes on.
    func whenAwake(_ body: @escaping () -> Void) {
        if isHung { backlog.append(body) } else { body() }
    }

    func hang() { isHung = true }

    /// - Returns: what has waited.
    func resume() -> [() -> Void] {
        isHung = false
        defer { backlog = [] }
        return backlog
    }
}
