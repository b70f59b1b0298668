import ArgumentParser
import ShardKV

struct SetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Store a value under a key.",
        usage:
            """
            shardkv set <key> <value> [<ttl-ms> | --ttl <ttl>] [--write-level <level>] [--shardmap <file> | --nodes <nodes>] \
            [--timeout <timeout>] [--node <node>]
            """,
        discussion: """
            The value - reads standard input to its end, whatever bytes it holds. Without a TTL, or with 0, the value \
            never expires. A key or value that begins with a dash goes after --.

            EXAMPLES
              shardkv set greeting hello
              shardkv set greeting hello 60000
              shardkv set greeting hello --ttl 60s
              shardkv set picture - < picture.png
              shardkv set -- -5 minus-five
            """
    )

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "The value; - reads it from standard input.")
    var value: String

    // A negative number is no option: as a TTL it gets the answer that says what is wrong with it.
    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("The TTL in milliseconds.", valueName: "ttl-ms"))
    var ttlMilliseconds: [String] = []

    @Option(parsing: .unconditional, help: "The TTL with its unit: 250ms, 60s, 2h.")
    var ttl: Duration?

    @OptionGroup var level: WriteLevelOption

    @OptionGroup var options: ClientOptions

    func validate() throws {
        try options.validate(levels: level.writeLevel != nil)
        for word in ttlMilliseconds where word.hasPrefix("-") && Int64(word) == nil {
            throw ValidationError("Unknown option '\(word)'")
        }
        guard ttlMilliseconds.count <= 1 else {
            throw ValidationError("Unexpected argument '\(ttlMilliseconds[1])'; quote a value that has spaces")
        }
        if let word = ttlMilliseconds.first {
            guard Int64(word) != nil else {
                throw ValidationError("The TTL '\(word)' is not a whole number of milliseconds")
            }
            guard ttl == nil else { throw ValidationError("Give the TTL once: as a number or with --ttl") }
        }
    }

    func run() async throws {
        let value = value == "-" ? try StandardStream.readInput() : RawArgument.bytes(of: value)
        let ttl = ttl ?? ttlMilliseconds.first.flatMap(Int64.init).map { Duration.milliseconds($0) }
        try await options.withClient { client throws(CommandFailure) in
            do throws(ShardKVError) {
                let access = KeyValueAccess(client, options, writeLevel: level.writeLevel)
                try await access.set(RawArgument.bytes(of: key), value, ttl: ttl)
            } catch { throw CommandFailure(error) }
        }
    }
}
