import ArgumentParser
import ShardKV

struct ShellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell",
        abstract: "Read commands, a line each, and print a line for each.",
        discussion: """
            COMMANDS
              get KEY                  prints the value, or (nil)
              set KEY VALUE [TTL_MS]   prints OK; TTL_MS 0 or none = never expires
              delete KEY               prints OK
              help, quit
            A KEY or VALUE is bare, or in double quotes with the escapes \\n \\" \\\\ and \\xNN for any byte. Values are \
            printed in quotes where they would be ambiguous bare. An error is a line too: ERROR CODE message; the shell \
            goes on. Lines may be 100 MiB long.

            EXAMPLES
              shardkv shell
              printf 'set a "two words"\\nget a\\n' | shardkv shell
            """
    )

    @OptionGroup var readLevel: ReadLevelOption

    @OptionGroup var writeLevel: WriteLevelOption

    @OptionGroup var options: ClientOptions

    func validate() throws {
        try options.validate(levels: readLevel.readLevel != nil || writeLevel.writeLevel != nil)
    }

    func run() async throws {
        try await options.withClient { client throws(CommandFailure) in
            let access = KeyValueAccess(
                client,
                options,
                readLevel: readLevel.readLevel,
                writeLevel: writeLevel.writeLevel
            )
            let isInteractive = StandardStream.input.isTerminal && StandardStream.output.isTerminal
            let input = LineReader()
            while true {
                if isInteractive { try StandardStream.output.write("shardkv> ") }
                guard let line = try await input.next() else {
                    if isInteractive { try StandardStream.output.write("\n") }
                    return
                }
                switch line {
                case .tooLong:
                    try Self.reply(error: "INVALID_ARGUMENT", "the line is longer than 100 MiB")
                case .text(let bytes):
                    guard try await perform(bytes, access) else { return }
                }
            }
        }
    }

    /// - Returns: Whether to go on.
    private func perform(_ line: [UInt8], _ access: KeyValueAccess) async throws(CommandFailure) -> Bool {
        do {
            switch try ShellRequest(line: line) {
            case .nothing: break
            case .quit: return false
            case .help:
                try StandardStream.output.write(ShellRequest.helpText)
            case .get(let key):
                let value = try await access.get(key)
                try StandardStream.output.write((value.map(Quoting.reply) ?? Array("(nil)".utf8)) + Self.newline)
            case .set(let key, let value, let ttlMilliseconds):
                try await access.set(key, value, ttl: ttlMilliseconds.map { .milliseconds($0) })
                try StandardStream.output.write("OK\n")
            case .delete(let key):
                try await access.delete(key)
                try StandardStream.output.write("OK\n")
            }
        } catch let error as ShellSyntaxError {
            try Self.reply(error: "INVALID_ARGUMENT", error.message)
        } catch let error as ShardKVError {
            try Self.reply(error: "\(error.code)", error.message)
        } catch {
            throw error as? CommandFailure ?? CommandFailure("\(error)")
        }
        return true
    }

    private static let newline = [UInt8(ascii: "\n")]

    private static func reply(error code: String, _ message: String) throws(CommandFailure) {
        try StandardStream.output.write("ERROR \(code) \(message.onOneLine)\n")
    }
}
