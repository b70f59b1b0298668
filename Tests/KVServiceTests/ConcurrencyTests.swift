import KVCore
import KVSharding
import KVStorage
import KVWire
import Testing

@testable import KVService

@Suite struct ConcurrencyTests {
    /// A shard comes and goes under two threads that use it: nobody reads a store that was freed, and each request is
    /// answered as the one state or the other would have it.
    @Test func shardsComeAndGoUnderLoad() async {
        let node = Node(
            name: "n1",
            shardCount: 1,
            limits: Limits(),
            pool: MemoryPool(hashSeed: 3),
            serverVersion: "test",
            incarnation: 1,
            now: 1_000_000
        )
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<2 {
                group.addTask { Self.use(node, worker: UInt8(worker)) }
            }
            group.addTask {
                for epoch in 1...300 {
                    let members = epoch % 2 == 1 ? ["n1"] : []
                    let map = try! ShardMap(
                        numShards: 1,
                        nodes: ["n1": NodeAddress(host: "127.0.0.1", port: 9001)],
                        members: [1: members]
                    )
                    node.mapChanged(map, epoch: UInt64(epoch), now: 1_000_000)
                    await Task.yield()
                }
            }
        }
        #expect(node.status(now: 1_000_000).shards.isEmpty)
        let handler = node.makeHandler()
        for _ in 0..<1000 { _ = handler.maintain(now: 1_000_000) }
        #expect(node.quiescence.release(budget: 1))
    }

    /// A page is merged without a lock, so its store outlives a map change that drops the shard meanwhile.
    @Test func aStoreInUseIsNotReleased() {
        let pool = MemoryPool(hashSeed: 3)
        let store = ShardStore(pool: pool, stripeCount: 1, bucketCount: 16)
        let quiescence = Quiescence()
        quiescence.pin(store)
        quiescence.pin(store)
        quiescence.retire(store)
        #expect(!quiescence.release(budget: .max))
        quiescence.unpin(store)
        #expect(!quiescence.release(budget: .max))
        quiescence.unpin(store)
        #expect(quiescence.release(budget: .max))
    }

    private static func use(_ node: Node, worker: UInt8) {
        let handler = node.makeHandler()
        let output = OutputBuffer()
        for round in 0..<3000 {
            let key = [worker, UInt8(round % 50)]
            let set = SetRequest(key: key, value: [UInt8](repeating: worker, count: 300)).encoded()
            let get = GetRequest(key: key).encoded()
            output.clear()
            set.withUnsafeBytes { set in
                get.withUnsafeBytes { get in
                    let frames = [
                        RequestFrame(method: .set, requestID: 1, timeoutMilliseconds: 0, payload: set),
                        RequestFrame(method: .get, requestID: 2, timeoutMilliseconds: 0, payload: get),
                    ]
                    frames.withUnsafeBufferPointer {
                        let answered = handler.handle($0, now: 1_000_000, outputLimit: 1 << 20, output: output)
                        precondition(answered == 2)
                    }
                }
            }
            var answers = output.bytes[...]
            while case .frame(let header, let payload) = FrameParser.next(
                UnsafeRawBufferPointer(rebasing: answers),
                maxPayloadBytes: 1 << 20
            ) {
                let code = StatusCode(rawValue: UInt8(header.code & 0xFF))
                precondition(code == .ok || code == .notFound, "\(header)")
                answers = answers.dropFirst(FrameHeader.byteCount + payload.count)
            }
            _ = handler.maintain(now: 1_000_000)
        }
    }
}
