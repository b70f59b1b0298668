/// Reads one JSON document (RFC 8259, strictly; a leading byte order mark is skipped) and stops at the first
/// syntax error, which carries its line and column.
struct JSONParser {
    /// Deep nesting is refused before it can exhaust the stack.
    static let maxDepth = 64

    private let bytes: [UInt8]
    private var offset = 0

    static func parse(_ bytes: [UInt8]) throws(ShardMapError) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { parser.offset = 3 }
        parser.skipSpace()
        guard parser.peek != nil else { throw parser.error("the file is empty") }
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.peek == nil else { throw parser.unexpected("the end of the file") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func value(depth: Int) throws(ShardMapError) -> JSONValue {
        guard depth < Self.maxDepth else { throw error("nested deeper than \(Self.maxDepth) levels") }
        switch peek {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "t"): return try literal("true", .boolean(true))
        case UInt8(ascii: "f"): return try literal("false", .boolean(false))
        case let byte? where byte == UInt8(ascii: "-") || Self.isDigit(byte): return .number(try number())
        default: throw unexpected("a value")
        }
    }

    private mutating func object(depth: Int) throws(ShardMapError) -> JSONValue {
        var members: [JSONValue.Member] = []
        try sequence(closedBy: "}") { (parser) throws(ShardMapError) in
            guard parser.peek == UInt8(ascii: "\"") else { throw parser.unexpected("a name in double quotes") }
            let name = try parser.string()
            parser.skipSpace()
            guard parser.take(":") else { throw parser.unexpected("':'") }
            parser.skipSpace()
            members.append(JSONValue.Member(name: name, value: try parser.value(depth: depth + 1)))
        }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(ShardMapError) -> JSONValue {
        var elements: [JSONValue] = []
        try sequence(closedBy: "]") { (parser) throws(ShardMapError) in
            elements.append(try parser.value(depth: depth + 1))
        }
        return .array(elements)
    }

    /// The opening bracket, elements between commas, the closing bracket.
    private mutating func sequence(
        closedBy close: Unicode.Scalar,
        element: (inout JSONParser) throws(ShardMapError) -> Void
    ) throws(ShardMapError) {
        offset += 1
        skipSpace()
        if take(close) { return }
        while true {
            try element(&self)
            skipSpace()
            if take(close) { return }
            guard take(",") else { throw unexpected("',' or '\(close)'") }
            skipSpace()
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(ShardMapError) -> JSONValue {
        let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[offset...].starts(with: expected) else { throw unexpected("a value") }
        offset += expected.count
        return value
    }

    private mutating func number() throws(ShardMapError) -> String {
        let start = offset
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private mutating func digits() throws(ShardMapError) {
        let start = offset
        while let byte = peek, Self.isDigit(byte) { offset += 1 }
        guard offset > start else { throw unexpected("a digit") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }
}

extension JSONParser {
    private mutating func string() throws(ShardMapError) -> String {
        let start = offset
        offset += 1
        var content: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                guard let text = String(validating: content, as: UTF8.self) else {
                    offset = start
                    throw error("the string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                offset += 1
                content.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20:
                throw error("a control character in a string must be escaped")
            default:
                content.append(byte)
                offset += 1
            }
        }
        throw unexpected("'\"'")
    }

    /// What stands behind a backslash.
    private mutating func escape() throws(ShardMapError) -> Unicode.Scalar {
        let simple: [(Unicode.Scalar, Unicode.Scalar)] = [
            ("\"", "\""), ("\\", "\\"), ("/", "/"), ("n", "\n"), ("t", "\t"), ("r", "\r"), ("b", "\u{8}"),
            ("f", "\u{c}"),
        ]
        for (letter, meaning) in simple where take(letter) { return meaning }
        guard take("u") else { throw unexpected("an escape") }
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), take("\\"), take("u") else { throw error("half a surrogate pair") }
        let second = try hexadecimal()
        guard UTF16.isTrailSurrogate(second) else { throw error("half a surrogate pair") }
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    private mutating func hexadecimal() throws(ShardMapError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw unexpected("a hexadecimal digit")
            }
            value = value << 4 | UInt16(digit)
            offset += 1
        }
        return value
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard let byte = peek, byte == UInt8(ascii: scalar) else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { offset += 1 }
    }

    private func unexpected(_ expected: String) -> ShardMapError {
        guard let byte = peek else { return error("the file ends where \(expected) is expected") }
        let found = (0x21..<0x7f).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte 0x" + String(byte, radix: 16)
        return error("expected \(expected), found \(found)")
    }

    /// A fault at the current byte. Lines and columns count from 1, columns in Unicode scalars.
    private func error(_ message: String) -> ShardMapError {
        let before = bytes[..<offset]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = before[lineStart...].count { $0 & 0xc0 != 0x80 } + 1
        return ShardMapError(place: "line \(line), column \(column)", message: message)
    }
}
