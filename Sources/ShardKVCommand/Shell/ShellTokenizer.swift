/// What is wrong with a line of the shell; reaches the user as `ERROR INVALID_ARGUMENT message`.
struct ShellSyntaxError: Error, Equatable {
    let message: String
}

/// Splits a line into tokens at spaces and tabs. A token that begins with a double quote ends at the next one that is not
/// escaped; any other token is taken as it stands, quotes and backslashes inside included.
struct ShellTokenizer {
    private let line: [UInt8]
    private var position = 0

    private init(_ line: [UInt8]) {
        self.line = line
    }

    static func tokens(_ line: [UInt8]) throws(ShellSyntaxError) -> [[UInt8]] {
        var tokenizer = ShellTokenizer(line)
        var tokens: [[UInt8]] = []
        while let token = try tokenizer.next() { tokens.append(token) }
        return tokens
    }

    private mutating func next() throws(ShellSyntaxError) -> [UInt8]? {
        while position < line.count, isSpace(line[position]) { position += 1 }
        guard position < line.count else { return nil }
        if line[position] == UInt8(ascii: "\"") { return try quoted() }
        let start = position
        while position < line.count, !isSpace(line[position]) { position += 1 }
        return Array(line[start..<position])
    }

    private mutating func quoted() throws(ShellSyntaxError) -> [UInt8] {
        position += 1
        var token: [UInt8] = []
        while true {
            let byte = try take()
            switch byte {
            case UInt8(ascii: "\""):
                guard position == line.count || isSpace(line[position]) else {
                    throw ShellSyntaxError(message: "a closing quote must be followed by a space")
                }
                return token
            case UInt8(ascii: "\\"):
                token.append(try escaped())
            default:
                token.append(byte)
            }
        }
    }

    private mutating func escaped() throws(ShellSyntaxError) -> UInt8 {
        switch try take() {
        case UInt8(ascii: "n"): return UInt8(ascii: "\n")
        case UInt8(ascii: "\""): return UInt8(ascii: "\"")
        case UInt8(ascii: "\\"): return UInt8(ascii: "\\")
        case UInt8(ascii: "x"):
            guard let high = hexValue(try take()), let low = hexValue(try take()) else {
                throw ShellSyntaxError(message: "\\x must be followed by two hexadecimal digits")
            }
            return high << 4 | low
        default:
            throw ShellSyntaxError(message: "unknown escape; known are \\n \\\" \\\\ \\xNN")
        }
    }

    private mutating func take() throws(ShellSyntaxError) -> UInt8 {
        guard position < line.count else { throw ShellSyntaxError(message: "a quote is not closed") }
        defer { position += 1 }
        return line[position]
    }

    private func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    private func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
