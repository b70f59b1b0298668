import ArgumentParser
import Glibc

/// `shardkv`: the roof. Parses arguments, composes the floors below, and ends with the exit code that scripts rely on.
@main
struct RootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shardkv",
        abstract: "A sharded, replicated key-value store.",
        discussion: """
            Clients and servers of a cluster read the same shard map, a JSON file that says which nodes host which shard. \
            Commands that talk to a cluster take it with --shardmap, or from the environment variable \
            SHARDKV_SHARDMAP.

            EXAMPLES
              export SHARDKV_SHARDMAP=shardmaps/test-3-node.json
              shardkv set greeting hello --ttl 60s
              shardkv get greeting
              shardkv status

            EXIT CODE
              0 found or done · 1 not found · 2 and above an error, told on standard error
            """,
        version: "shardkv \(Version.current)",
        subcommands: [
            ServerCommand.self,
            GetCommand.self, SetCommand.self, DeleteCommand.self, ShellCommand.self, ContentsCommand.self,
            StatusCommand.self, ExplainCommand.self, ProceedCommand.self, StressCommand.self, ShardMapCommand.self,
            FakeClusterCommand.self,
        ]
    )

    /// As the package's releases are numbered.
    enum Version {
        static let current = "0.1.0"
    }

    static func main() async {
        do {
            let words = RawArgument.words
            let isStress = words.first == StressCommand.configuration.commandName
            var command = try await asyncParseAsRoot(isStress ? StressCommand.spellingFlags(words) : words)
            if var asyncCommand = command as? any AsyncParsableCommand {
                try await asyncCommand.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            if !failure.message.isEmpty { StandardStream.note(failure.line) }
            Glibc.exit(failure.exitCode)
        } catch {
            exit(withError: error)
        }
    }
}
