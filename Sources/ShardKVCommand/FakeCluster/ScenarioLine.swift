/// A fault of a scenario's file.
struct ScenarioError: Error {
    let message: String
}

/// The words of one line, taken one after the other; a fault names the line.
struct ScenarioLine {
    let number: Int
    private let tokens: [[UInt8]]
    private var position = 0

    /// Nil for a blank line and a comment.
    init?(number: Int, text: [UInt8]) throws(ScenarioError) {
        self.number = number
        do throws(ShellSyntaxError) {
            tokens = try ShellTokenizer.tokens(text)
        } catch { throw ScenarioError(message: "line \(number): \(error.message)") }
        guard let first = tokens.first, first.first != UInt8(ascii: "#") else { return nil }
    }

    var isAtEnd: Bool { position == tokens.count }

    /// All words, as they were taken apart.
    var text: String { tokens.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ") }

    func error(_ message: String) -> ScenarioError { ScenarioError(message: "line \(number): \(message)") }

    mutating func bytes(_ what: String) throws(ScenarioError) -> [UInt8] {
        guard !isAtEnd else { throw error("\(what) is missing") }
        defer { position += 1 }
        return tokens[position]
    }

    mutating func word(_ what: String) throws(ScenarioError) -> String {
        String(decoding: try bytes(what), as: UTF8.self)
    }

    mutating func number<Number: FixedWidthInteger>(_ what: String) throws(ScenarioError) -> Number {
        let word = try word(what)
        guard let number = Number(word) else { throw error("\(what) must be a whole number, not '\(word)'") }
        return number
    }

    /// `2`, or `1..3`.
    mutating func range(_ what: String) throws(ScenarioError) -> ClosedRange<Int> {
        let word = try word(what)
        let bounds = word.split(separator: ".", omittingEmptySubsequences: true).map { Int($0) }
        if bounds.count == 1, let only = bounds[0] { return only...only }
        if bounds.count == 2, let lower = bounds[0], let upper = bounds[1], lower <= upper { return lower...upper }
        throw error("\(what) must be a number or a range like 1..3, not '\(word)'")
    }

    /// Takes the next word if it is this one.
    mutating func take(_ word: String) -> Bool {
        guard !isAtEnd, tokens[position].elementsEqual(word.utf8) else { return false }
        position += 1
        return true
    }

    /// All words that are left.
    mutating func rest() -> [String] {
        defer { position = tokens.count }
        return tokens[position...].map { String(decoding: $0, as: UTF8.self) }
    }

    func finish() throws(ScenarioError) {
        guard isAtEnd else {
            throw error("too many words, from '\(String(decoding: tokens[position], as: UTF8.self))' on")
        }
    }
}
