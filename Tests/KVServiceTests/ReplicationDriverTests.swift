import KVCore
import KVSharding
import KVStorage
import KVWire
import Synchronization
import Testing

@testable import KVService

/// The driver beside a node whose peer is told by a script.
struct ReplicationDriverTests {
    /// Answers each request at once, or when the test says so.
    private final class ScriptedSender: RequestSender {
        private struct State {
            var count = 0
            var held: [@Sendable () -> Void] = []
            var holds = false
        }

        private let state = Mutex(State())

        var count: Int { state.withLock { $0.count } }

        func hold() { state.withLock { $0.holds = true } }

        func releaseHeld() {
            let held = state.withLock { state in
                defer { state.held = [] }
                return state.held
            }
            for end in held { end() }
        }

        func send<Request: RequestMessage>(
            _ request: Request,
            to node: String,
            timeoutMilliseconds: UInt32
        ) async throws(RPCError) -> Request.Response {
            throw RPCError(.internal, "the driver starts its requests")
        }

        func start<Request: RequestMessage>(
            _ request: Request,
            to node: String,
            timeoutMilliseconds: UInt32,
            _ completion: @escaping @Sendable (Result<Request.Response, RPCError>) -> Void
        ) -> @Sendable () -> Void {
            let end = { @Sendable in completion(.failure(RPCError(.unavailable, "refused", reason: .refused))) }
            let isHeld = state.withLock { state in
                state.count += 1
                if state.holds { state.held.append(end) }
                return state.holds
            }
            if !isHeld { end() }
            return {}
        }
    }

    private let node: Node
    private let sender = ScriptedSender()
    private let driver: ReplicationDriver<ScriptedSender>

    init() {
        node = Node(
            name: "n1",
            shardCount: 4,
            limits: Limits(maxKeyBytes: 100, maxValueBytes: 1 << 20),
            pool: MemoryPool(limitBytes: 0, hashSeed: 7),
            serverVersion: "test",
            incarnation: 42,
            now: 1_000_000
        )
        driver = ReplicationDriver(node: node, sender: sender, timer: { _, body in body() }, now: { 1_000_000 })
        node.mapChanged(Server.map(4, owned: [1, 2]), epoch: 1, now: 1_000_000)
    }

    private var serving: Int { node.status(now: 1_000_000).shards.count { $0.state == .serving } }

    @Test func callsThatEndAtOnceAreReported() {
        driver.start()
        #expect(sender.count > 0, "what was wanted before the start is asked")
        for step in 1...150 { node.tick(now: 1_000_000 + UInt64(step) * 100) }
        #expect(serving == 2, "n2 is gone, so nothing is missing")
    }

    @Test func nothingIsReportedAfterTheStop() {
        sender.hold()
        driver.start()
        let asked = sender.count
        driver.stop()
        sender.releaseHeld()
        for step in 1...50 { node.tick(now: 1_000_000 + UInt64(step) * 100) }
        #expect(sender.count == asked && serving == 0, "it waits for answers")
    }
}
