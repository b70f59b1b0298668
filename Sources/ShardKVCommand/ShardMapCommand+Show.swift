import ArgumentParser
import KVSharding

extension ShardMapCommand {
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a shard map as tables: nodes, shards, balance.",
            discussion: """
                EXAMPLES
                  shardkv shardmap show map.json
                  shardkv shardmap make --nodes 3 --shards 9 --replicas 2 | shardkv shardmap show -
                """
        )

        @OptionGroup var input: File

        func run() throws {
            print(ShardMapReport(try input.load()).text, terminator: "")
        }
    }
}
