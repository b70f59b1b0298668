import Glibc
import KVCore
import KVSharding
import KVWire
import Testing

/// No acknowledged write is lost while every old owner stays up: whoever sees a map when, skips one, or finds it taken back.
@Suite struct NoLossTests {
    static let runs = getenv("SHARDKV_SIMULATIONS").flatMap { UInt64(String(cString: $0)) } ?? 8

    @Test(arguments: 0..<runs)
    func oneStepMove(seed: UInt64) throws {
        let before = Maps.make([["n1"], ["n1"], ["n2"]], nodes: 3)
        let after = Maps.make([["n2"], ["n3"], ["n1"]], nodes: 3)
        try run(seed: seed, maps: [before, after, before, after], nodes: 3)
    }

    @Test(arguments: 0..<runs)
    func pairsMoveOneNodeOnAndBack(seed: UInt64) throws {
        try run(seed: seed, maps: [Maps.initial4, Maps.migrated4, Maps.initial4, Maps.migrated4], nodes: 4)
    }

    private func run(seed: UInt64, maps: [ShardMap], nodes: Int) throws {
        let network = NetworkConditions(
            delayMilliseconds: 1...(seed % 2 == 0 ? 20 : 120),
            lossProbability: [0, 0.03, 0.1][Int(seed % 3)],
            duplicationProbability: seed % 3 == 1 ? 0.05 : 0
        )
        let cluster = Cluster(seed: seed, shardCount: maps[0].numShards, network: network)
        let names = (1...nodes).map { "n\($0)" }
        for name in names { cluster.start(name, maps[0]) }
        try #require(cluster.run(atMost: 12_000) { cluster.isSettled(maps[0]) }, "seed \(seed): the start")

        let keys = (0..<60).map { Array("key \($0)".utf8) }
        let clients = (1...4).map { Client("c\($0)", cluster: cluster, keys: keys, map: maps[0]) }
        for client in clients { client.start() }
        cluster.run(milliseconds: 1000)

        for (index, map) in maps.enumerated().dropFirst() {
            let epoch = UInt64(index + 1)
            let isLast = index == maps.count - 1
            let spread: UInt64 = [0, 300, 2500].randomElement(using: &cluster.random)!
            for name in names where isLast || !cluster.random.chance(0.25) {
                let delay = UInt64.random(in: 0...spread, using: &cluster.random)
                cluster.after(delay) { cluster.deliver(map, epoch: epoch, to: name) }
            }
            for client in clients {
                let delay = UInt64.random(in: 0...spread, using: &cluster.random)
                cluster.after(delay) { client.deliver(map, epoch: epoch) }
            }
            cluster.run(milliseconds: UInt64.random(in: 50...4000, using: &cluster.random))
        }
        cluster.run(milliseconds: 4000)
        for client in clients { client.stop() }
        let last = maps[maps.count - 1]
        let isSettled = cluster.run(atMost: 60_000) { cluster.isSettled(last) }
        #expect(isSettled, "seed \(seed): not settled\n\(story(cluster))")
        check(cluster, clients, last, seed: seed)
    }

    /// Every owner has the greatest acknowledged write of each key, or a greater one that was not acknowledged.
    private func check(_ cluster: Cluster, _ clients: [Client], _ map: ShardMap, seed: UInt64) {
        var greatest: [[UInt8]: Client.Write] = [:]
        for client in clients {
            greatest.merge(client.acknowledged) { $0.version > $1.version ? $0 : $1 }
        }
        #expect(clients.reduce(0) { $0 + $1.acknowledgedCount } > 20, "seed \(seed): hardly anything was written")
        for (key, write) in greatest {
            let shard = map.shard(ofKey: key)
            for owner in map.members(of: shard) {
                let response = try? cluster.read(key, on: owner).get()
                let isThere = response.map { found in
                    found.version > write.version
                        || found.version == write.version && found.value == write.value && found.kind == write.kind
                }
                if isThere != true {
                    Issue.record(
                        """
                        seed \(seed): \(owner) lost \(String(decoding: key, as: UTF8.self)) of shard \(shard), \
                        acknowledged \(write.version), found \(response?.version as Any)
                        \(story(cluster))
                        """
                    )
                    return
                }
            }
        }
    }

    private func story(_ cluster: Cluster) -> String { cluster.events.suffix(120).joined(separator: "\n") }
}
