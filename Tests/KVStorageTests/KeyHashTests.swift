import Testing

@testable import KVStorage

@Suite
struct KeyHashTests {
    @Test
    func everyByteAndTheLengthCount() {
        let hash = KeyHash(seed: 42)
        for count in 0...100 {
            let key = [UInt8](repeating: 0, count: count)
            let base = key.withUnsafeBytes { hash($0) }
            #expect((key + [0]).withUnsafeBytes { hash($0) } != base)
            for index in 0..<count {
                var changed = key
                changed[index] = 1
                #expect(changed.withUnsafeBytes { hash($0) } != base)
            }
        }
    }

    @Test
    func theSeedDecides() {
        let key: [UInt8] = Array("0123456789abcdef".utf8)
        let hashes = Set((0..<1_000).map { seed in key.withUnsafeBytes { KeyHash(seed: seed)($0) } })
        #expect(hashes.count == 1_000)
    }

    /// Counting keys are the usual worst case. The bits that choose stripe, segment, slot and tag must each be even.
    @Test(arguments: [0, 12, 20, 28, 44, 56])
    func countingKeysSpreadEvenly(shift: UInt64) {
        let hash = KeyHash(seed: 7)
        var counts = [Int](repeating: 0, count: 256)
        for number in 0..<256_000 {
            let key = Array("key-\(number)".utf8)
            counts[Int(key.withUnsafeBytes { hash($0) } >> shift & 0xFF)] += 1
        }
        // 1,000 expected; six standard deviations are 190.
        for count in counts { #expect((810...1_190).contains(count)) }
    }
}
