import KVSharding
import KVWire
import Synchronization
import Testing

@testable import ShardKV

@Suite(.timeLimit(.minutes(1))) struct ManyTests {
    private func client(_ nodes: [TestNode]) throws -> ShardKVClient {
        let addresses = nodes.map { ($0.name, NodeAddress(host: "127.0.0.1", port: $0.port)) }
        let names = nodes.map(\.name)
        let map = try ShardMap(
            numShards: 2,
            nodes: Dictionary(uniqueKeysWithValues: addresses),
            members: [1: names, 2: names]
        )
        var configuration = ShardKVClient.Configuration(shardMap: .json(Array(map.json().utf8)))
        configuration.timeout = .seconds(30)
        configuration.attemptTimeout = .seconds(10)
        return try ShardKVClient(configuration: configuration)
    }

    @Test func eachKeyHasItsOwnOutcome() async throws {
        let node = try await TestNode.start("n1")
        let client = try client([node])
        let keys = (0..<3000).map { Array("key \($0)".utf8) }
        let items = keys.map { ShardKVClient.Item(key: $0, value: $0.reversed()) } + [.init(key: [], value: [])]
        let stored = await client.setMany(items)
        #expect(stored.count == 3001)
        #expect(stored.dropLast().allSatisfy { if case .success = $0 { true } else { false } })
        #expect(throws: ShardKVError.self) { try stored[3000].get() }
        let found = await client.getMany(keys + [Array("none".utf8)])
        #expect(try found.map { try $0.get() } == keys.map { $0.reversed() } + [nil])
        let removed = await client.deleteMany(Array(keys.prefix(10)))
        for result in removed { try result.get() }
        #expect(try await client.get(keys[0]) == nil)
        #expect(try await client.get(keys[10]) != nil)
        await client.close()
        try await node.stop()
    }

    private final class Counter: Sendable {
        let count = Atomic(0)
    }

    @Test func callersOfOneKeyShareARead() async throws {
        let shared = SharedReads()
        let key = SharedReads.Key(request: [1], withMetadata: false, level: .one)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let reads = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    _ = try await shared.share(key) {
                        reads.count.add(1, ordering: .relaxed)
                        for await _ in gate { break }
                        return .success(GetResponse(wasFound: false))
                    }
                }
            }
            while reads.count.load(ordering: .relaxed) == 0 { await Task.yield() }
            for _ in 0..<1000 { await Task.yield() }
            open.finish()
            try await group.waitForAll()
        }
        #expect(reads.count.load(ordering: .relaxed) < 10)
    }
}
