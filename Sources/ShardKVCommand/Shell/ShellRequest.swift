/// One line of the shell, understood.
enum ShellRequest: Equatable {
    /// A blank line: no reply.
    case nothing
    case get(key: [UInt8])
    case set(key: [UInt8], value: [UInt8], ttlMilliseconds: Int64?)
    case delete(key: [UInt8])
    case help
    case quit

    /// Command words may be written in any case.
    init(line: [UInt8]) throws(ShellSyntaxError) {
        let tokens = try ShellTokenizer.tokens(line)
        guard let first = tokens.first else {
            self = .nothing
            return
        }
        let word = String(decoding: first.prefix(32), as: UTF8.self).lowercased()
        switch (word, tokens.count) {
        case ("get", 2):
            self = .get(key: tokens[1])
        case ("set", 3):
            self = .set(key: tokens[1], value: tokens[2], ttlMilliseconds: nil)
        case ("set", 4):
            guard let ttl = Int64(String(decoding: tokens[3].prefix(32), as: UTF8.self)) else {
                throw ShellSyntaxError(message: "the TTL must be a whole number of milliseconds")
            }
            self = .set(key: tokens[1], value: tokens[2], ttlMilliseconds: ttl)
        case ("delete", 2):
            self = .delete(key: tokens[1])
        case ("help", 1):
            self = .help
        case ("quit", 1), ("exit", 1):
            self = .quit
        case ("get", _), ("delete", _):
            throw ShellSyntaxError(message: "usage: \(word) KEY")
        case ("set", _):
            throw ShellSyntaxError(message: "usage: set KEY VALUE [TTL_MS]")
        case ("help", _), ("quit", _), ("exit", _):
            throw ShellSyntaxError(message: "usage: \(word)")
        default:
            throw ShellSyntaxError(message: "unknown command; try help")
        }
    }

    static let helpText = """
        get KEY                  prints the value, or (nil)
        set KEY VALUE [TTL_MS]   stores a value; TTL_MS 0 or none = never expires
        delete KEY               removes a key
        help, quit
        A KEY or VALUE with spaces goes in "…", with \\n \\" \\\\ and \\xNN for a newline, a quote, a backslash, any byte.

        """
}
