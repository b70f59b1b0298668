import ArgumentParser
@preconcurrency import Glibc
import KVSharding

/// `shardkv shardmap`: what can be done to a map without a cluster. The logic is KVSharding's; here it is printed.
struct ShardMapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shardmap",
        abstract: "Make, check and show shard maps.",
        discussion: """
            A shard map is the JSON file that says which nodes host which shard. All servers and clients of a cluster \
            read the same map and follow its changes.

            EXAMPLES
              shardkv shardmap make --nodes 5 --shards 10 --replicas 3 --stripe > map.json
              shardkv shardmap check map.json
              shardkv shardmap show map.json
            """,
        subcommands: [Make.self, Check.self, Show.self]
    )

    /// The map that a subcommand was given.
    struct File: ParsableArguments {
        @Argument(help: "The shard map's file; - for standard input.", completion: .file(extensions: ["json"]))
        var file: String

        func load() throws -> ShardMap {
            try ShardMapCommand.orFaults { () throws(ShardMapError) in try ShardMap(path: file) }
        }
    }

    /// The map, or every fault as a line on standard error and exit code 2.
    static func orFaults(_ map: () throws(ShardMapError) -> ShardMap) throws -> ShardMap {
        do {
            return try map()
        } catch {
            fputs("\(error)\n", stderr)
            throw ExitCode(2)
        }
    }
}
