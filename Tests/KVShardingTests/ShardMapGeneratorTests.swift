import KVSharding
import Testing

@Suite struct ShardMapGeneratorTests {
    private func generate(_ generator: ShardMapGenerator, seed: UInt64 = 1) throws(ShardMapError) -> ShardMap {
        var random = SeededRandom(seed: seed)
        return try generator.generate(using: &random)
    }

    @Test func stripesEvenly() throws {
        let map = try generate(ShardMapGenerator(nodes: 3, shards: 6, replicas: 2, stripe: true, epoch: 4))
        #expect(map.epoch == 4)
        #expect(
            map.shards.map { map.members(of: $0) } == [
                ["n1", "n2"], ["n2", "n3"], ["n3", "n1"], ["n1", "n2"], ["n2", "n3"], ["n3", "n1"],
            ]
        )
        #expect(
            map.nodeNames.map { map.nodes[$0]?.description } == ["127.0.0.1:9000", "127.0.0.1:9001", "127.0.0.1:9002"]
        )
    }

    @Test func placesAtRandomAndRepeatably() throws {
        let generator = ShardMapGenerator(
            nodes: 10,
            shards: 200,
            replicas: 2,
            maxReplicas: 4,
            address: "::1",
            basePort: 1
        )
        let map = try generate(generator)
        #expect(try generate(generator) == map)
        #expect(try generate(generator, seed: 2) != map)
        #expect(Set(map.shards.map { map.members(of: $0).count }) == [2, 3, 4])
        // 600 places on 10 nodes: about 60 each.
        #expect(map.nodeNames.allSatisfy { (30...90).contains(map.shards(of: $0).count) })
        #expect(map.nodes["n10"]?.description == "[::1]:10")
    }

    @Test(
        arguments: [
            (ShardMapGenerator(nodes: 0, shards: 1, replicas: 1), "nodes: 0 is outside 1…65535"),
            (ShardMapGenerator(nodes: 1, shards: 0, replicas: 1), "shards: 0 is outside 1…1048576"),
            (ShardMapGenerator(nodes: 2, shards: 1, replicas: 3), "replicas: 3 is outside 1…2"),
            (ShardMapGenerator(nodes: 2, shards: 1, replicas: 0), "replicas: 0 is outside 1…2"),
            (ShardMapGenerator(nodes: 3, shards: 1, replicas: 2, maxReplicas: 1), "max-replicas: 1 is outside 2…3"),
            (
                ShardMapGenerator(nodes: 2, shards: 1, replicas: 1, basePort: 65535),
                "base-port: 2 ports from 65535 on do not fit into 1…65535"
            ),
            (
                ShardMapGenerator(nodes: 2, shards: 1, replicas: 1, basePort: .max),
                "base-port: 2 ports from \(Int.max) on do not fit into 1…65535"
            ),
            (
                ShardMapGenerator(nodes: 1, shards: 1, replicas: 1, address: ""),
                "nodes.\"n1\".address: the address is empty"
            ),
        ] as [(ShardMapGenerator, String)]
    )
    func refuses(generator: ShardMapGenerator, fault: String) {
        #expect { try generate(generator) } throws: { "\($0)" == fault }
    }
}

@Suite struct ShardMapReportTests {
    @Test func showsNodesShardsAndBalance() throws {
        let map = try ShardMap(
            epoch: 3,
            numShards: 10,
            nodes: ["n1": NodeAddress(host: "h", port: 1), "n10": NodeAddress(host: "::1", port: 9000)],
            members: [1: ["n10"], 2: ["n10", "n1"], 10: ["n1"]]
        )
        #expect(
            ShardMapReport(map).text == """
                2 nodes, 10 shards, 0…2 replicas, epoch 3, 7 shards without a node

                NODE  ADDRESS     SHARDS
                n1    h:1         2
                n10   [::1]:9000  2

                SHARD  NODES
                1      n10
                2      n10 n1
                3      (none)
                4      (none)
                5      (none)
                6      (none)
                7      (none)
                8      (none)
                9      (none)
                10     n1

                Balance: 2…2 shards per node, 2.0 on average

                """
        )
    }

    @Test func summaries() throws {
        let empty = try ShardMap(numShards: 1, nodes: [:], members: [:])
        #expect(ShardMapReport(empty).summary == "0 nodes, 1 shard, 0 replicas each, 1 shard without a node")
        #expect(ShardMapReport(empty).text.hasSuffix("Balance: no nodes\n"))
        let idle = try ShardMap(
            numShards: 1,
            nodes: ["a": NodeAddress(host: "h", port: 1), "b": NodeAddress(host: "h", port: 2)],
            members: [1: ["a"]]
        )
        #expect(ShardMapReport(idle).summary == "2 nodes, 1 shard, 1 replica each, 1 node without a shard")
        #expect(ShardMapReport(idle).text.contains("0…1 shards per node, 0.5 on average"))
    }
}
