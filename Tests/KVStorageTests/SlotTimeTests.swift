import KVCore
import Testing

@testable import KVStorage

/// What slots tell of times is never too late.
@Suite
struct SlotTimeTests {
    private static let hour: UInt64 = 3_600_000

    private static func time(_ deadline: UInt64, _ kind: RecordKind) -> SlotTime {
        SlotTime(EntryHeader(version: .none, deadline: deadline, kind: kind, keyCount: 1, valueCount: 0))
    }

    @Test(arguments: 0..<8)
    func nothingDueIsTakenForLater(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<2_000 {
            let now = UInt64.random(in: Self.hour...(1 << 50), using: &generator)
            let deadline = UInt64.random(in: (now - 17 * 60_000)...(now + 24 * Self.hour), using: &generator)
            var times = EarliestTimes(now: now, dropBefore: 0)
            times.add(Self.time(deadline, .live))
            times.add(Self.time(deadline, .deleted))
            let next = times.mayHavePassed ? nil : times.deadline.milliseconds
            #expect(times.mayHavePassed(Self.time(deadline, .live)) == times.mayHavePassed)
            #expect(!times.mayHavePassed(Self.time(deadline, .deleted)))
            if deadline <= now { #expect(next == nil) }
            if let next { #expect(next <= deadline && next > now) }
            // What is due in the next two hours is loaded by no sweep of before.
            if deadline > now + 8_192, deadline < now + 2 * Self.hour { #expect(next != nil) }
        }
    }

    @Test
    func kindsAreToldApart() {
        #expect(Self.time(0, .live) == .none)
        #expect(Self.time(1 << 40, .live).deadlineBit == 1)
        #expect(Self.time(1 << 40, .live).birthBit == 0)
        for kind in [RecordKind.deleted, .expired] {
            #expect(Self.time(1 << 40, kind).birthBit == 1)
            #expect(Self.time(1 << 40, kind).deadlineBit == 0)
        }
    }

    /// After a pause of hours, and at the end of time.
    @Test(arguments: [UInt64(18 * 60_000), 3_600_000, 9_000_000, 1 << 45])
    func whatIsLongPastIsFoundToo(pause: UInt64) {
        let store = ShardStore(pool: MemoryPool(hashSeed: 5), stripeCount: 1)
        for number in 0..<1_000 {
            let version = Version(time: 1, writer: 1)
            let expiresAt = UInt64(1_000_000 + 1_000 * number)
            store.merge(Record(key: bytes("\(number)"), value: [1], version: version, expiresAt: expiresAt), now: 1)
        }
        store.markersDroppableBefore = 0
        #expect(store.sweepAll(now: 2_000_000 + pause).expired == 1_000)
        store.markersDroppableBefore = .max
        #expect(store.sweepAll(now: 2_000_000 + 2 * pause).dropped == 1_000)
        #expect(store.statistics == ShardStatistics())
    }

    /// The first hash of each home slot, by which a sweep goes on in the middle of a segment.
    @Test(arguments: [0, 1, 7, 20], 0...14)
    func homesBeginWhereTheySay(depth: Int, sizeCode: Int) {
        let reference = SegmentReference(slots: nil, sizeCode: sizeCode, depth: depth)
        let hash: UInt64 = 0xDEAD_BEEF_1234_5678
        for slot in 1..<reference.capacity {
            let first = reference.firstHash(hash, ofHome: slot)
            #expect(reference.home(first) == slot)
            #expect(reference.home(first - 1) == slot - 1)
            #expect(reference.firstHash(first) == reference.firstHash(hash))
        }
    }
}
