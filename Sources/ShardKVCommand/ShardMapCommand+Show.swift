import ArgumentParser
import KVSharding

extension ShardMapCommand {
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a shard map as tables: nodes, shards, balance.",
            discussion: """
                EXAMPLES
                  shardkv shardmap show map.json
                  shardkv shardmap show --nodes map.json
                  shardkv shardmap make --nodes 3 --shards 9 --replicas 2 | shardkv shardmap show -
                """
        )

        @Flag(help: "Print only the nodes' names, a line each, for scripts.")
        var nodes = false

        @OptionGroup var input: File

        func run() throws {
            let map = try input.load()
            print(nodes ? map.nodeNames.map { $0 + "\n" }.joined() : ShardMapReport(map).text, terminator: "")
        }
    }
}
