import KVSharding
import Testing

@testable import ShardKVCommand

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite struct QuotingTests {
    @Test(arguments: [
        ("plain", "plain"), ("", #""""#), ("two words", #""two words""#), ("a\nb", #""a\nb""#),
        (#"say "hi""#, #""say \"hi\"""#),
        (#"back\slash"#, #"back\slash"#), ("OK", #""OK""#), ("OKAY", "OKAY"), ("(nil)", #""(nil)""#),
        ("ERROR", #""ERROR""#),
        ("ERRORS", #""ERRORS""#), ("tab\t", #""tab\x09""#), ("größe", "größe"), ("日本", "日本"),
        ("a\u{2028}b", #""a\xe2\x80\xa8b""#),
        ("\u{85}", #""\xc2\x85""#), ("zero\u{200b}width", #""zero\xe2\x80\x8bwidth""#),
    ])
    func replies(_ value: String, _ expected: String) {
        #expect(text(Quoting.reply(Array(value.utf8))) == expected)
    }

    @Test func bytesThatAreNoTextAreEscaped() {
        #expect(text(Quoting.reply([0xff, 0x41])) == #""\xffA""#)
        #expect(text(Quoting.reply([0xc3])) == #""\xc3""#)
    }

    /// Whatever a value holds, its reply is one token of one line that reads back, and is no other reply.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func everyReplyReadsBack(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<500 {
            let value = Self.bytes(&random)
            let reply = Quoting.reply(value)
            #expect(try ShellTokenizer.tokens(reply) == [value])
            #expect(!reply.contains(UInt8(ascii: "\n")))
            #expect(String(validating: reply, as: UTF8.self) != nil)
            #expect(!["OK", "(nil)"].contains(text(reply)) && !text(reply).hasPrefix("ERROR"))
            #expect(try ShellTokenizer.tokens(Quoting.quoted(value)) == [value])
        }
    }

    /// Drawn from what is special, from text, and from anything.
    static func bytes(_ random: inout SeededRandom) -> [UInt8] {
        let pieces = [
            "\"", "\\", "\n", "\r", " ", "\t", "\0", "\\x", "\\n", "OK", "(nil)", "ERROR", "é", "\u{2028}", "a", "9",
            "",
        ]
        return (0..<Int.random(in: 0...6, using: &random)).flatMap { _ -> [UInt8] in
            if Bool.random(using: &random) { return Array(pieces.randomElement(using: &random)!.utf8) }
            return [UInt8.random(in: 0...255, using: &random)]
        }
    }
}

@Suite struct ShellTokenizerTests {
    @Test(
        arguments: [
            ("", []), ("   \t ", []), ("get k", ["get", "k"]), ("  a\tb  ", ["a", "b"]), (#"a"b c"#, [#"a"b"#, "c"]),
            (#"{"a":1}"#, [#"{"a":1}"#]),
            (#""two words" x"#, ["two words", "x"]), (#""""#, [""]), (#""\n\"\\\x41""#, ["\n\"\\A"]),
            (#"a\nb"#, [#"a\nb"#]),
            (#""\x4a\x4A""#, ["JJ"]),
        ] as [(String, [String])]
    )
    func splits(_ line: String, _ tokens: [String]) throws {
        #expect(try ShellTokenizer.tokens(Array(line.utf8)).map(text) == tokens)
    }

    @Test(arguments: [#"""#, #""open"#, #""a"b"#, #""\q""#, #""\x4""#, #""\xg0""#, #""\"#, #""\x"#])
    func refuses(_ line: String) {
        #expect(throws: ShellSyntaxError.self) { try ShellTokenizer.tokens(Array(line.utf8)) }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func anyLineIsTokensOrAnError(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<500 {
            let line = QuotingTests.bytes(&random)
            guard let tokens = try? ShellTokenizer.tokens(line) else { continue }
            let again = Array(tokens.map(Quoting.quoted).joined(separator: [UInt8(ascii: " ")]))
            #expect(try ShellTokenizer.tokens(again) == tokens)
        }
    }
}

@Suite struct ShellRequestTests {
    private static let key = Array("k".utf8)
    private static let value = Array("v".utf8)

    @Test(arguments: [
        ("", ShellRequest.nothing), ("get k", .get(key: key)), ("GET k", .get(key: key)),
        ("delete k", .delete(key: key)),
        ("set k v", .set(key: key, value: value, ttlMilliseconds: nil)),
        ("set k v 500", .set(key: key, value: value, ttlMilliseconds: 500)),
        ("set k v -5", .set(key: key, value: value, ttlMilliseconds: -5)), (#"get """#, .get(key: [])), ("help", .help),
        ("quit", .quit), ("exit", .quit),
    ])
    func understands(_ line: String, _ request: ShellRequest) throws {
        #expect(try ShellRequest(line: Array(line.utf8)) == request)
    }

    @Test(arguments: [
        "get", "get a b", "set k", "set k v 5s", "set k v 1 2", "delete", "quit now", "help me", "flush", "set k v 1.5",
    ])
    func refuses(_ line: String) {
        #expect(throws: ShellSyntaxError.self) { try ShellRequest(line: Array(line.utf8)) }
    }
}
