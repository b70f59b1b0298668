import ArgumentParser
import KVSharding

extension ShardMapCommand {
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a shard map and name every fault with its place.",
            discussion: """
                Exit code 0 for a valid map; 2, with one fault a line on standard error, for any other.

                EXAMPLES
                  $ shardkv shardmap check map.json
                  map.json: valid: 5 nodes, 10 shards, 3 replicas each

                  $ shardkv shardmap check broken.json
                  broken.json: shards."9": shard 9 is outside 1…4
                  broken.json: shards."1"[2]: unknown node "n9"
                """
        )

        @OptionGroup var input: File

        func run() throws {
            let map = try input.load()
            print("\(input.file): valid: \(ShardMapReport(map).summary)")
        }
    }
}
