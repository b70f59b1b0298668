import KVSharding
import Testing

@testable import ShardKVCommand

@Suite struct LineSplitterTests {
    private func lines(_ chunks: [[UInt8]], maxLineBytes: Int) -> [LineSplitter.Line] {
        var splitter = LineSplitter(maxLineBytes: maxLineBytes)
        var lines: [LineSplitter.Line] = []
        for chunk in chunks {
            splitter.append(chunk)
            while let line = splitter.next() { lines.append(line) }
        }
        if let line = splitter.finish() { lines.append(line) }
        return lines
    }

    @Test func splits() {
        let input = Array("a\n\nb\r\nlast".utf8)
        let expected = ["a", "", "b", "last"].map { LineSplitter.Line.text(Array($0.utf8)) }
        #expect(lines([input], maxLineBytes: 100) == expected)
        #expect(lines([], maxLineBytes: 100) == [])
        #expect(lines([Array("a\n".utf8)], maxLineBytes: 100) == [.text([0x61])])
    }

    @Test func aLineAtTheLimitPassesAndOneBeyondIsSkipped() {
        let input = Array("1234\n12345\n12345678901234567890\nok\n".utf8)
        #expect(
            lines([input], maxLineBytes: 4) == [.text(Array("1234".utf8)), .tooLong, .tooLong, .text(Array("ok".utf8))]
        )
        #expect(lines([Array("123456".utf8)], maxLineBytes: 4) == [.tooLong])
    }

    /// However the stream is cut, the lines are those of the whole.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func cutsDoNotMatter(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let input = (0..<400).map { _ in Array("ab\n\r".utf8).randomElement(using: &random)! }
        let model = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { piece in
            let line = piece.last == UInt8(ascii: "\r") ? piece.dropLast() : piece
            return line.count > 6 ? LineSplitter.Line.tooLong : .text(Array(line))
        }
        let expected = input.last == UInt8(ascii: "\n") ? Array(model.dropLast()) : model
        var chunks: [[UInt8]] = []
        var rest = input[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...9, using: &random)
            chunks.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        #expect(lines(chunks, maxLineBytes: 6) == expected)
        #expect(lines(input.map { [$0] }, maxLineBytes: 6) == expected)
        #expect(lines([input], maxLineBytes: 6) == expected)
    }
}
