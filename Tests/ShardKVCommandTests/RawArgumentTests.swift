import KVSharding
import Testing

@testable import ShardKVCommand

@Suite struct RawArgumentTests {
    @Test(arguments: ["", "key", "grün", "日本", "👍🏽", "e\u{301}", "--shardmap", "\u{10fe00}"])
    func textStaysAsItIs(_ text: String) {
        #expect(Array(RawArgument.text(Array(text.utf8)).utf8) == Array(text.utf8))
        #expect(RawArgument.bytes(of: text) == Array(text.utf8))
    }

    @Test func bytesThatAreNoTextAreCarried() {
        #expect(RawArgument.text([0xff]) == "\u{10ffff}")
        #expect(RawArgument.text([0x61, 0xfe, 0x62]) == "a\u{10fffe}b")
        // A sequence that ends too early, an overlong one, a surrogate.
        for bytes in [[0xe2, 0x82], [0xc0, 0x80], [0xed, 0xa0, 0x80]] as [[UInt8]] {
            #expect(RawArgument.text(bytes).unicodeScalars.map(\.value) == bytes.map { 0x10_ff00 + UInt32($0) })
        }
    }

    @Test func theCarriersThemselvesAreCarried() {
        for scalar in ["\u{10ff00}", "\u{10ff61}", "\u{10ffff}"] {
            let bytes = Array(scalar.utf8)
            #expect(RawArgument.text(bytes) != scalar)
            #expect(RawArgument.bytes(of: RawArgument.text(bytes)) == bytes)
        }
    }

    @Test func anyBytesComeBack() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                #expect(RawArgument.bytes(of: RawArgument.text([first, second])) == [first, second])
            }
        }
        // Bytes that meet often in UTF-8, so that whole and broken sequences mix.
        let likely: [UInt8] = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0xbc, 0xbf, 0xc3, 0xe2, 0xed, 0xf0, 0xf4, 0xff]
        var random = SeededRandom(seed: 3)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...12, using: &random)).map { _ in likely.randomElement(using: &random)! }
            #expect(RawArgument.bytes(of: RawArgument.text(bytes)) == bytes)
        }
    }
}
