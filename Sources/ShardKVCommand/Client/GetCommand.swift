import ArgumentParser
import ShardKV

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print a key's value.",
        discussion: """
            Exactly the value's bytes go to standard output: no newline is added. Exit code 1, and no output, if the \
            key has no value.

            EXAMPLES
              shardkv get greeting
              shardkv get picture > picture.png
              shardkv get greeting --node n2
              shardkv get greeting --show-ttl
            """
    )

    @Argument(help: "The key.")
    var key: String

    @Flag(help: "Also print what is left of the TTL, as a line on standard error: 'ttl 1500ms' or 'ttl never'.")
    var showTtl = false

    @OptionGroup var level: ReadLevelOption

    @OptionGroup var options: ClientOptions

    func validate() throws { try options.validate(levels: level.readLevel != nil) }

    func run() async throws {
        let key = RawArgument.bytes(of: key)
        try await options.withClient { client throws(CommandFailure) in
            let access = KeyValueAccess(client, options, readLevel: level.readLevel)
            let found: [UInt8]?
            do throws(ShardKVError) {
                if showTtl {
                    let entry = try await access.getEntry(key)
                    if let entry { StandardStream.note("ttl \(entry.ttl.map(\.shortDescription) ?? "never")") }
                    found = entry?.value
                } else {
                    found = try await access.get(key)
                }
            } catch { throw CommandFailure(error) }
            guard let found else { throw .notFound }
            try StandardStream.output.write(found)
        }
    }
}
