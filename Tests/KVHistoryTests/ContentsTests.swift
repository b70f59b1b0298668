import KVHistory
import KVSharding
import Testing

@Suite struct ContentsTests {
    private var random = SeededRandom(seed: 1)

    @Test(arguments: [1.0, 2, 3, 4]) func skewMakesSomeKeysHotter(skew: Double) {
        var random = random
        var contents = Contents(keyCount: 1000)
        contents.skew = skew
        var calls: [Int: Int] = [:]
        for _ in 0..<10_000 { calls[contents.key(&random), default: 0] += 1 }
        #expect(calls.keys.allSatisfy { (0..<1000).contains($0) })
        // Of u^skew the share below 1/1000 is 1000^(-1/skew): 10, 316, 1,000 and 1,778 of these calls.
        let expected = [1.0: 1...30, 2: 250...400, 3: 900...1100, 4: 1600...1900][skew]!
        #expect(expected.contains(calls[0] ?? 0))
    }

    @Test func valuesAreNamesFilledUp() {
        var random = random
        var contents = Contents(keyCount: 1)
        #expect(contents.value("c1.1", &random) == Array("c1.1".utf8))
        contents.valueBytesMax = 100
        let values = (0..<200).map { _ in contents.value("c1.1", &random) }
        #expect(values.allSatisfy { $0.starts(with: Array("c1.1".utf8)) && (4...100).contains($0.count) })
        #expect(Set(values.map(\.count)).count > 50)
    }
}
