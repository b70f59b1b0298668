import ArgumentParser
import ShardKV

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a key.",
        discussion: """
            Exit code 0 whether or not the key was there.

            EXAMPLES
              shardkv delete greeting
            """
    )

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.withClient { client throws(CommandFailure) in
            do throws(ShardKVError) {
                try await KeyValueAccess(client, options).delete(RawArgument.bytes(of: key))
            } catch { throw CommandFailure(error) }
        }
    }
}
