import KVCore
import Testing

@testable import KVStorage

@Suite
struct DigestTests {
    /// The words say what is live, and nothing of how it came about: stores with other seeds, stripes and histories agree.
    @Test(arguments: 0..<12)
    func wordsFollowFromTheLiveRecordsAlone(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let layout = BucketLayout(bucketCount: 16 << Int(seed % 8))
        let store = ShardStore(
            pool: MemoryPool(hashSeed: seed),
            stripeCount: 4,
            bucketCount: layout.wordCount / 2
        )
        var now: UInt64 = 1_000_000
        for _ in 0..<6_000 {
            now += UInt64.random(in: 0...40, using: &generator)
            if Int.random(in: 0..<400, using: &generator) == 0 { store.sweepAll(now: now, retention: 5_000) }
            store.merge(.random(keyCount: 500, now: now, &generator), now: now)
        }
        #expect(store.statistics.liveCount > 0)
        let twin = ShardStore(
            pool: MemoryPool(hashSeed: seed + 100),
            stripeCount: 1,
            bucketCount: layout.wordCount / 2
        )
        for record in store.contents(now: 0).values where record.kind == .live { twin.merge(record, now: 0) }
        #expect(store.digests.read() == twin.digests.read())
        #expect(ShardStore.root(of: store.digests.read()) == ShardStore.root(of: twin.digests.read()))

        for record in store.contents(now: 0).values where record.kind == .live {
            var deleted = record
            deleted.kind = .deleted
            store.merge(deleted, now: now)
        }
        #expect(store.digests.read().allSatisfy { $0 == 0 })
    }

    @Test
    func compactionLeavesTheWordsAsTheyAre() {
        let pool = MemoryPool(hashSeed: 1)
        let store = ShardStore(pool: pool, stripeCount: 2)
        for number in 0..<20_000 {
            let version = Version(milliseconds: 1, writer: UInt64(number))
            let expiresAt: UInt64 = number % 5 == 0 ? 0 : 10_000
            store.merge(Record(key: bytes("\(number)"), value: [1], version: version, expiresAt: expiresAt), now: 1)
        }
        store.sweepAll(now: 80_000, retention: 0)
        let before = store.digests.read()
        var moved = 0
        for _ in 0..<20 {
            pool.planCompaction()
            moved += store.sweepAll(now: 80_000).moved
        }
        #expect(moved > 0)
        #expect(store.digests.read() == before)
    }

    @Test
    func theRootTellsEqualWordsInDifferentPlacesApart() {
        let roots = (0..<64).map { place in
            var words = [UInt64](repeating: 0, count: 64)
            words[place] = 7
            return ShardStore.root(of: words)
        }
        #expect(Set(roots).count == 64)
        #expect(ShardStore.root(of: [UInt64](repeating: 0, count: 64)) == 0)
    }

    /// One write that gives several keys its version must not vanish from a bucket that they share.
    @Test
    func keysOfOneVersionDoNotCancelOut() {
        let store = ShardStore(pool: MemoryPool(hashSeed: 1), stripeCount: 1, bucketCount: 16)
        for number in 0..<2_000 {
            store.merge(Record(key: bytes("\(number)"), value: [], version: Version(time: 1, writer: 1)), now: 1)
        }
        #expect(store.digests.read().prefix(16).allSatisfy { $0 != 0 })
    }

    @Test(arguments: [1, 2, 3, 8, 100, 4_096, 65_536, 1 << 20])
    func bucketsOfAllShardsTogetherAreAboutAsManyAtAnyNumberOfShards(shardCount: Int) {
        let count = BucketLayout.bucketCount(shardCount: shardCount)
        #expect(BucketLayout(bucketCount: count).wordCount == 2 * count)
        #expect(count == 16 || (65_536..<131_072).contains(count * shardCount))
    }

    /// The hashes of one shard share their remainder, with 8 shards their lowest three bits.
    @Test(arguments: [0, 10_000_000])
    func theKeysOfOneShardSpreadEvenly(deadline: UInt64) {
        let layout = BucketLayout(bucketCount: 1_024)
        var counts: [Int: Int] = [:]
        for number in 0..<256_000 {
            let hash = bytes("key-\(number)").withUnsafeBytes { RoutingHash.fnv1($0) }
            if hash % 8 == 3 { counts[layout.bucket(hash, deadline: deadline), default: 0] += 1 }
        }
        let expected = 32_000 / (deadline == 0 ? 1_024 : 16)
        #expect(counts.count == (deadline == 0 ? 1_024 : 16))
        #expect(counts.keys.allSatisfy { ($0 < 1_024) == (deadline == 0) })
        for count in counts.values { #expect((expected / 3...expected * 3).contains(count)) }
    }
}

extension Record {
    /// Of few keys, with a deadline, without, or a marker. Versions are unique.
    static func random(keyCount: Int, now: UInt64, _ generator: inout SeededGenerator) -> Record {
        let kind: RecordKind = Int.random(in: 0..<4, using: &generator) == 0 ? .deleted : .live
        let hasDeadline = kind == .live && Bool.random(using: &generator)
        let ttl = UInt64.random(in: 1...(Bool.random(using: &generator) ? 20_000 : 2_000_000), using: &generator)
        return Record(
            key: bytes("\(Int.random(in: 0..<keyCount, using: &generator))"),
            value: kind == .live ? [UInt8](repeating: 1, count: Int.random(in: 0..<60, using: &generator)) : [],
            version: Version(milliseconds: now, writer: generator.next()),
            expiresAt: hasDeadline ? now + ttl : 0,
            kind: kind
        )
    }
}
