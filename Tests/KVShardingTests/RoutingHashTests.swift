import KVCore
import KVSharding
import Testing

@Suite struct RoutingHashTests {
    /// The published FNV-1 test vectors, and bytes that text would not carry.
    static let vectors: [([UInt8], UInt32)] = [
        ([], 0x811c_9dc5),
        (Array("a".utf8), 0x050c_5d7e),
        (Array("foobar".utf8), 0x31f0_b262),
        (Array("key\0with".utf8), 0x520e_7eca),
        (Array(0...255), 0x8e88_81c5),
    ]

    @Test(arguments: vectors)
    func fnv1(key: [UInt8], expected: UInt32) {
        #expect(key.withUnsafeBytes { RoutingHash.fnv1($0) } == expected)
    }

    /// Whatever is done at once, the result is the definition's.
    @Test func fnv1OfEveryLength() {
        let bytes = (0..<64).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 200) }
        var expected: UInt32 = 0x811c_9dc5
        for count in 0...bytes.count {
            #expect(bytes[..<count].withUnsafeBytes { RoutingHash.fnv1($0) } == expected)
            if count < bytes.count { expected = expected &* 0x0100_0193 ^ UInt32(bytes[count]) }
        }
    }

    @Test func shardsAreNumberedFromOne() throws {
        let map = try ShardMap(numShards: 5, nodes: [:], members: [:])
        #expect(map.shard(of: 0) == 1)
        #expect(map.shard(of: 4) == 5)
        #expect(map.shard(of: .max) == 1)
        #expect(map.shard(ofKey: Array("foobar".utf8)) == 0x31f0_b262 % 5 + 1)
        let single = try ShardMap(numShards: 1, nodes: [:], members: [:])
        #expect(single.shard(of: .max) == 1)
    }

    @Test func keysSpreadEvenly() throws {
        let map = try ShardMap(numShards: 10, nodes: [:], members: [:])
        var counts = [Int](repeating: 0, count: 11)
        for number in 0..<10_000 { counts[map.shard(ofKey: Array("key-\(number)".utf8))] += 1 }
        #expect(counts[0] == 0)
        #expect(counts[1...].allSatisfy { (800...1200).contains($0) })
    }
}

@Suite struct ViewIdentifierTests {
    @Test func isTheDocumentedHash() {
        let members: [(name: String, incarnation: UInt64)] = [("n2", 5), ("n10", 0), ("n1", 1 << 40)]
        #expect(ViewIdentifier.hash(epoch: 7, members: members) == 0x55f5_1b91_ad46_5144)
        #expect(ViewIdentifier.hash(epoch: 0, members: []) == 0xa8c7_f832_281a_39c5)
    }

    @Test func tellsConfigurationsApart() {
        let base = ViewIdentifier.hash(epoch: 1, members: [("n1", 1), ("n2", 2)])
        #expect(base == ViewIdentifier.hash(epoch: 1, members: [("n2", 2), ("n1", 1)]))
        #expect(base != ViewIdentifier.hash(epoch: 2, members: [("n1", 1), ("n2", 2)]))
        #expect(base != ViewIdentifier.hash(epoch: 1, members: [("n1", 2), ("n2", 1)]))
        #expect(base != ViewIdentifier.hash(epoch: 1, members: [("n1", 1)]))
        #expect(base != ViewIdentifier.hash(epoch: 1, members: [("n1n", 1), ("2", 2)]))
    }
}
