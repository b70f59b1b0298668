import KVCore
import Testing

@testable import KVStorage

@Suite
struct MemoryTests {
    @Test
    func everySizeClassFitsItsRequestsWithLittleWaste() {
        let pool = MemoryPool(hashSeed: 1)
        defer { withExtendedLifetime(pool) {} }
        let allocator = pool.allocator
        #expect(allocator.capacity(80) == 80)
        for size in 32...200_000 {
            let capacity = allocator.capacity(size)
            #expect(capacity >= size)
            #expect(capacity - size <= max(size / 7, 7))
        }
        for index in 0..<SizeClass.count {
            #expect(SizeClass(bytes: SizeClass(index: index).requestBytes).index == index)
        }
    }

    @Test
    func blocksOfRandomSizesDoNotOverlapAndAllMemoryReturns() {
        var generator = SeededGenerator(seed: 9)
        let pool = MemoryPool(hashSeed: 1)
        var blocks: [(address: UnsafeMutableRawPointer, size: Int, mark: UInt8)] = []
        for step in 0..<20_000 {
            if blocks.count > 400 || step % 3 == 2 {
                let block = blocks.remove(at: Int.random(in: 0..<blocks.count, using: &generator))
                let bytes = UnsafeRawBufferPointer(start: block.address, count: block.size)
                #expect(bytes.first == block.mark && bytes.last == block.mark)
                pool.allocator.free(block.address, bytes: block.size)
            } else {
                let size = 32 + Int.random(in: 0..<(1 << Int.random(in: 3...18, using: &generator)), using: &generator)
                let address = pool.allocator.allocate(size, headroom: .none)!
                let mark = UInt8(truncatingIfNeeded: step)
                address.initializeMemory(as: UInt8.self, repeating: mark, count: size)
                blocks.append((address, size, mark))
            }
        }
        for block in blocks { pool.allocator.free(block.address, bytes: block.size) }
        // What stays is at most one small slab a class.
        #expect(pool.allocatedBytes <= SizeClass.firstLarge * SlabSource.smallSlabBytes)
    }

    @Test
    func theMemoryOfExpiredValuesReturns() {
        let pool = MemoryPool(hashSeed: 5)
        let store = ShardStore(pool: pool, stripeCount: 8)
        let value = [UInt8](repeating: 1, count: 1 << 20)
        for number in 0..<100 {
            let version = Version(milliseconds: 1, writer: UInt64(number))
            store.merge(Record(key: bytes("\(number)"), value: value, version: version, expiresAt: 10_000), now: 1)
        }
        let before = pool.allocatedBytes
        #expect(before >= 100 << 20)
        #expect(store.sweepAll(now: 9_999).expired == 0)
        #expect(store.sweepAll(now: 10_000).expired == 100)
        #expect(pool.allocatedBytes < before / 5)
        #expect(store.statistics.markerCount == 100)
        #expect(store.sweepAll(now: 70_001).dropped == 100)
        #expect(store.statistics == ShardStatistics())
    }

    @Test
    func fewDueRecordsOfAFullSegmentMayWait() {
        let store = ShardStore(pool: MemoryPool(hashSeed: 5), stripeCount: 1)
        for number in 0..<256 {
            let version = Version(time: 1, writer: 1)
            let expiresAt: UInt64 = number == 0 ? 10_000 : 0
            store.merge(Record(key: bytes("\(number)"), value: [1], version: version, expiresAt: expiresAt), now: 1)
        }
        func expired(_ now: UInt64) -> Int {
            store.sweep(now: now, markerRetentionMilliseconds: 60_000, patienceMilliseconds: 4_000, budget: .max)
                .expired
        }
        #expect(expired(11_999) == 0)
        #expect(expired(12_000) == 1)
    }

    @Test
    func markersMayWaitLonger() {
        let store = ShardStore(pool: MemoryPool(hashSeed: 5), stripeCount: 1)
        for number in 0..<256 {
            let version = Version(time: 1, writer: 1)
            let kind = number == 0 ? RecordKind.deleted : .live
            store.merge(Record(key: bytes("\(number)"), value: [], version: version, kind: kind), now: 1_000)
        }
        func dropped(_ now: UInt64) -> Int {
            store.sweep(now: now, markerRetentionMilliseconds: 60_000, patienceMilliseconds: 4_000, budget: .max)
                .dropped
        }
        #expect(dropped(69_000) == 0)
        #expect(dropped(69_001) == 1)
    }

    /// One of the segments that wait is looked at, which tells that much is due in all.
    @Test
    func muchThatIsDueIsNoticedBeforePatienceEnds() {
        let store = ShardStore(pool: MemoryPool(hashSeed: 5), stripeCount: 64)
        for number in 0..<64 * 256 {
            let version = Version(time: 1, writer: 1)
            store.merge(Record(key: bytes("\(number)"), value: [1], version: version, expiresAt: 10_000), now: 1)
        }
        let result = store.sweep(
            now: 10_000,
            markerRetentionMilliseconds: 60_000,
            patienceMilliseconds: 7_000,
            budget: .max
        )
        #expect(result.expired > 128)
        #expect(result.expired < 64 * 256)
    }

    @Test
    func markersAreDroppedByAgeAndAsFarAsTheStoreAllows() {
        let store = ShardStore(pool: MemoryPool(hashSeed: 5), stripeCount: 1)
        store.merge(Record(key: [1], value: [], version: Version(time: 1, writer: 1), kind: .deleted), now: 1_000)
        for tooEarly: UInt64 in [0, 999, 1_000] {
            store.markersDroppableBefore = tooEarly
            #expect(store.sweepAll(now: 100_000).dropped == 0)
        }
        store.markersDroppableBefore = 1_001
        #expect(store.sweepAll(now: 61_000).dropped == 0)
        #expect(store.sweepAll(now: 61_001).dropped == 1)
        #expect(store.find([1]) == nil)
    }

    /// At any time: slots tell births modulo 2.3 hours.
    @Test(arguments: (0..<16).map { UInt64(1 + $0 << 19) })
    func markersThatHaveToStayAreNotLookedAt(birth: UInt64) {
        let store = ShardStore(pool: MemoryPool(hashSeed: 5), stripeCount: 1)
        let version = Version(time: 1, writer: 1)
        for number in 0..<500 {
            store.merge(Record(key: bytes("\(number)"), value: [], version: version, kind: .deleted), now: birth)
        }
        store.merge(Record(key: [1], value: [1], version: version, expiresAt: birth + 1), now: birth)
        store.markersDroppableBefore = 0
        let result = store.sweepAll(now: birth + 1)
        #expect(result.expired == 1 && result.cost < 100 * MaintenanceCost.record)
        store.markersDroppableBefore = .max
        #expect(store.sweepAll(now: birth + 70_000).dropped == 501)
    }

    @Test
    func theLimitHoldsAndDeletesMakeRoom() {
        let limit = 8 << 20
        let pool = MemoryPool(limitBytes: limit, hashSeed: 5)
        let store = ShardStore(pool: pool, stripeCount: 4)
        func record(_ number: Int, _ time: UInt64, _ kind: RecordKind = .live) -> Record {
            let value = kind == .live ? [UInt8](repeating: 1, count: 300) : []
            return Record(key: bytes("\(number)"), value: value, version: Version(time: time, writer: 1), kind: kind)
        }
        var stored = 0
        while store.merge(record(stored, 1), now: 1) == .stored { stored += 1 }
        #expect(stored > 20_000)
        #expect(pool.allocatedBytes <= limit)
        #expect(store.statistics.liveCount == stored)
        // A refused write leaves what is there; one of the same size needs nothing.
        #expect(store.merge(record(stored, 1), now: 1) == .outOfMemory)
        #expect(store.find(bytes("\(stored)")) == nil)
        #expect(store.merge(record(0, 2), now: 1) == .stored)
        for number in 0..<stored { #expect(store.merge(record(number, 3, .deleted), now: 1) == .stored) }
        #expect(store.statistics.liveCount == 0)
        store.sweepAll(now: 100_000)
        #expect(pool.allocatedBytes < limit / 4)
        for number in 0..<stored { #expect(store.merge(record(number, 4), now: 1) == .stored) }
    }

    @Test
    func aMarkerOfAnUnknownKeyIsKeptOnAFullNode() {
        let pool = MemoryPool(limitBytes: 4 << 20, hashSeed: 5)
        let store = ShardStore(pool: pool, stripeCount: 1)
        var number = 0
        while true {
            let record = Record(
                key: bytes("\(number)"),
                value: [UInt8](repeating: 1, count: 1_000),
                version: Version(time: 1, writer: 1)
            )
            if store.merge(record, now: 1) == .outOfMemory { break }
            number += 1
        }
        let marker = Record(key: bytes("new"), value: [], version: Version(time: 1, writer: 1), kind: .deleted)
        #expect(store.merge(marker, now: 1) == .stored)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 255, 65_536], [0, 1, 31, 4_000, 57_000, 60_000, 300_000])
    func keysAndValuesOfEverySizeComeBack(keyCount: Int, valueCount: Int) {
        expectToComeBack(keyCount: keyCount, valueCount: valueCount)
    }

    @Test
    func theLargestKeyAndValueComeBack() {
        expectToComeBack(keyCount: Limits.defaultMaxKeyBytes, valueCount: Limits.defaultMaxValueBytes)
    }

    private func expectToComeBack(keyCount: Int, valueCount: Int) {
        let pool = MemoryPool(hashSeed: 5)
        let store = ShardStore(pool: pool, stripeCount: 1)
        let key = (0..<keyCount).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var record = Record(
            key: key,
            value: [UInt8](repeating: 0xAB, count: valueCount),
            version: Version(time: 1, writer: 1)
        )
        #expect(store.merge(record, now: 1) == .stored)
        #expect(store.find(key) == record)
        // A little larger or smaller: in place, or elsewhere.
        for delta in [1, 3, 200, -2] where valueCount + delta >= 0 {
            record.value = [UInt8](repeating: UInt8(truncatingIfNeeded: delta), count: valueCount + delta)
            record.version.time += 1
            #expect(store.merge(record, now: 1) == .stored)
            #expect(store.find(key) == record)
        }
        #expect(store.release(budget: .max))
        // One kept slab for the segment, and one for each size that the record had.
        #expect(pool.allocatedBytes <= 6 * SlabSource.smallSlabBytes)
    }
}
