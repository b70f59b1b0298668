/// Ends the command: one line on standard error, then the exit code.
struct CommandFailure: Error {
    /// 0 = done, 1 = not found (or, from `stress`, a wrong answer), 2 and above = an error.
    let exitCode: Int32
    /// Without the leading `error:`; empty = say nothing.
    let message: String

    init(_ message: String, exitCode: Int32 = 2) {
        self.message = message
        self.exitCode = exitCode
    }

    static let notFound = CommandFailure("", exitCode: 1)

    /// What standard error shows: one line, whatever a peer put into its message.
    var line: String { "error: \(message.onOneLine)" }
}

extension String {
    /// Control characters replaced by spaces, so that a message can neither add lines nor steer a terminal.
    var onOneLine: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) ? " " : $0 }
            )
        )
    }
}
