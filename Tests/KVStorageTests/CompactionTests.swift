import KVCore
import Testing

@testable import KVStorage

/// Records that move to other slabs are the same records, and memory follows what is stored.
@Suite
struct CompactionTests {
    /// Sizes of small slabs, of large slabs, and of both.
    @Test(arguments: [32...32, 200...400, 9_000...9_000, 3_900...4_300], [UInt64.max, 0xFFF0_0000_0000_0000])
    func memoryFollowsRandomDeletes(valueCounts: ClosedRange<Int>, mask: UInt64) {
        var generator = SeededGenerator(seed: UInt64(valueCounts.upperBound))
        let pool = MemoryPool(hashMask: mask)
        let store = ShardStore(pool: pool, stripeCount: 4)
        var model: [[UInt8]: Record] = [:]
        let count = min(100_000, 30_000_000 / valueCounts.upperBound)
        for number in 0..<count {
            let record = Self.record(number, Int.random(in: valueCounts, using: &generator), time: 1)
            store.merge(record, now: 1)
            model[record.key] = record
        }
        let full = pool.allocatedBytes
        for key in Array(model.keys) where Int.random(in: 0..<3, using: &generator) > 0 {
            store.merge(Record(key: key, value: [], version: Version(time: 2, writer: 1), kind: .deleted), now: 1)
            model[key] = nil
        }
        store.sweepAll(now: 2, retention: 0)
        pool.planCompaction()
        var moved = 0
        for _ in 0..<4 {
            moved += store.sweepAll(now: 2, retention: 0).moved
            pool.planCompaction()
        }
        #expect(moved > 0)
        #expect(store.contents() == model)
        // A third of the records, an eighth of free blocks beside them, two slabs begun in each class, and the segments'.
        let largest = SizeClass(bytes: valueCounts.upperBound)
        let classes = largest.index - SizeClass(bytes: valueCounts.lowerBound).index + 2
        let slabBytes = valueCounts.upperBound > 4_000 ? SlabSource.largeSlabBytes : SlabSource.smallSlabBytes
        #expect(pool.allocatedBytes < full * 2 / 5 + 2 * classes * slabBytes + SlabSource.largeSlabBytes)
        #expect(store.sweepAll(now: 2, retention: 0).moved == 0)
    }

    @Test(arguments: 0..<6)
    func requestsBetweenSlicesAgreeWithTheModel(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let pool = MemoryPool(hashSeed: UInt64(seed))
        let store = ShardStore(pool: pool, stripeCount: 2)
        var model: [[UInt8]: Record] = [:]
        var moved = 0
        for step in 1...30_000 {
            // Sizes of few classes, which change: a class fills up, then drains.
            let number = Int.random(in: 0..<4_000, using: &generator)
            let valueCount = (step / 6_000) % 2 == 0 ? 200 + number % 90 : 700 + number % 50
            var record = Self.record(number, valueCount, time: UInt64(step))
            if Int.random(in: 0..<4, using: &generator) == 0 {
                record.kind = .deleted
                record.value = []
            }
            store.merge(record, now: 1)
            model[record.key] = record.kind == .live ? record : nil
            if step % 50 == 0 { moved += store.sweep(now: 2, markerRetentionMilliseconds: 0, budget: 5_000).moved }
            if step % 1_000 == 0 { pool.planCompaction() }
            let other = Self.key(Int.random(in: 0..<4_000, using: &generator))
            #expect(store.find(other).flatMap { $0.kind == .live ? $0 : nil } == model[other])
        }
        #expect(moved > 0)
        #expect(store.contents(withMarkers: false) == model)
        while !store.release(budget: 1_000) {}
        #expect(pool.allocatedBytes <= SizeClass.count * SlabSource.smallSlabBytes)
    }

    @Test
    func aSliceMovesLittle() {
        let pool = MemoryPool(hashSeed: 3)
        let store = ShardStore(pool: pool, stripeCount: 1)
        for number in 0..<3_000 { store.merge(Self.record(number, 9_000, time: 1), now: 1) }
        for number in 0..<3_000 where number % 3 != 0 {
            let version = Version(time: 2, writer: 1)
            store.merge(Record(key: Self.key(number), value: [], version: version, kind: .deleted), now: 1)
        }
        store.sweepAll(now: 2, retention: 0)
        pool.planCompaction()
        var slices = 0
        var moved = 0
        while true {
            let slice = store.sweep(now: 2, markerRetentionMilliseconds: 0, budget: 1)
            #expect(slice.moved <= 30)
            moved += slice.moved
            slices += 1
            if slice.finishedPass { break }
        }
        #expect(moved > 300)
    }

    @Test
    func aSmallerValueIsStoredOnAFullNode() {
        let limit = 8 << 20
        let pool = MemoryPool(limitBytes: limit, hashSeed: 5)
        let store = ShardStore(pool: pool, stripeCount: 1)
        var count = 0
        while store.merge(Self.record(count, 3_000, time: 1), now: 1) == .stored { count += 1 }
        #expect(store.merge(Self.record(0, 5_000, time: 2), now: 1) == .outOfMemory)
        for number in 0..<count {
            let outcome = store.merge(Self.record(number, 100, time: 2), now: 1)
            #expect(outcome == .stored)
        }
        #expect(pool.allocatedBytes <= limit + limit >> 4)
    }

    private static func key(_ number: Int) -> [UInt8] { bytes("key-\(number)") }

    /// The value's bytes depend on the key, so that a record that took another's place is noticed.
    private static func record(_ number: Int, _ valueCount: Int, time: UInt64) -> Record {
        let value = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: valueCount)
        return Record(key: key(number), value: value, version: Version(time: time, writer: 1))
    }
}
