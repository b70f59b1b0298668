import ArgumentParser
import KVSharding

extension ShardMapCommand {
    struct Make: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a shard map and print it.",
            discussion: """
                Nodes are named n1, n2, … and listen on consecutive ports. Each shard gets --replicas random nodes; \
                with --stripe, shard i gets the nodes i, i+1, … in turn, which balances the nodes exactly.

                EXAMPLES
                  shardkv shardmap make --nodes 5 --shards 10 --replicas 3 --stripe > map.json
                  shardkv shardmap make --nodes 9 --shards 30 --replicas 1 --max-replicas 3
                  shardkv shardmap make --nodes 3 --shards 9 --replicas 2 --base-port 7000
                """
        )

        @Option(help: "How many nodes.")
        var nodes: Int

        @Option(help: "How many shards; fixed for the life of the cluster.")
        var shards: Int

        @Option(help: "How many nodes host each shard.")
        var replicas: Int

        @Option(help: "Give each shard a random number of nodes from --replicas to this.")
        var maxReplicas: Int?

        @Flag(help: "Place shards on the nodes in turn rather than at random.")
        var stripe = false

        @Option(help: "The address of all nodes.")
        var address = ShardMapGenerator.defaultAddress

        @Option(help: "The port of n1; the next nodes have the next ports.")
        var basePort = ShardMapGenerator.defaultBasePort

        @Option(help: "The map's own number, which must rise with each change. Without it the file's time counts.")
        var epoch: UInt64?

        @Option(help: "Repeat the random choices of an earlier run with this number.")
        var seed: UInt64?

        func run() throws {
            let generator = ShardMapGenerator(
                nodes: nodes,
                shards: shards,
                replicas: replicas,
                maxReplicas: maxReplicas,
                stripe: stripe,
                address: address,
                basePort: basePort,
                epoch: epoch
            )
            var random = SeededRandom(seed: seed ?? .random(in: .min ... .max))
            let map = try ShardMapCommand.orFaults { () throws(ShardMapError) in try generator.generate(using: &random)
            }
            print(map.json(), terminator: "")
        }
    }
}
