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

    @OptionGroup var level: WriteLevelOption

    @OptionGroup var options: ClientOptions

    func validate() throws { try options.validate(levels: level.writeLevel != nil) }

    func run() async throws {
        try await options.withClient { client throws(CommandFailure) in
            do throws(ShardKVError) {
                let access = KeyValueAccess(client, options, writeLevel: level.writeLevel)
                try await access.delete(RawArgument.bytes(of: key))
            } catch { throw CommandFailure(error) }
        }
    }
}
