import KVCore
import Testing

@testable import KVStorage

@Suite
struct ScanTests {
    /// Between pages, records that are not watched come and go, so that segments split, shrink and vanish.
    @Test(arguments: [UInt64.max, 0xFFC0_0000_0000_0001, 0x0000_0000_000F_FF00], [1, 64, 4_000])
    func everyRecordThatStaysIsVisitedWhileTheTableChanges(mask: UInt64, maxBytes: Int) {
        var generator = SeededGenerator(seed: UInt64(maxBytes))
        let store = ShardStore(pool: MemoryPool(hashMask: mask), stripeCount: 2)
        let staying = Set((0..<300).map { bytes("stays-\($0)") })
        for key in staying { store.merge(Record(key: key, value: key, version: Version(time: 1, writer: 1)), now: 1) }
        var visited: Set<[UInt8]> = []
        var now = UInt64(1)
        var cursor: ScanCursor? = .start
        while let from = cursor {
            cursor = store.scan(from: from, maxBytes: maxBytes, withMarkers: false, now: now) {
                visited.insert(Array($0.key))
            }
            now += 1
            for _ in 0..<40 {
                let key = bytes("passes-\(Int.random(in: 0..<4_000, using: &generator))")
                let expiresAt = now + UInt64.random(in: 1...60, using: &generator)
                let version = Version(milliseconds: now, writer: 1)
                store.merge(Record(key: key, value: key, version: version, expiresAt: expiresAt), now: now)
            }
            if now % 16 == 0 { store.sweepAll(now: now, retention: 0) }
        }
        #expect(visited.isSuperset(of: staying))
    }

    @Test
    func aPageEndsWhenItsBytesAreReachedAndHoldsAtLeastOneRecord() {
        let store = ShardStore(pool: MemoryPool(hashSeed: 3), stripeCount: 4)
        for number in 0..<500 {
            let record = Record(
                key: bytes("\(1_000 + number)"),
                value: [UInt8](repeating: 1, count: 96),
                version: Version(time: 1, writer: 1)
            )
            store.merge(record, now: 1)
        }
        for (maxBytes, expected) in [(1, 1), (100, 1), (101, 2), (1_000, 10)] {
            var cursor: ScanCursor? = .start
            var total = 0
            while let from = cursor {
                var count = 0
                cursor = store.scan(from: from, maxBytes: maxBytes, withMarkers: false, now: 1) { _ in count += 1 }
                total += count
                if cursor != nil { #expect(count == expected) }
            }
            #expect(total == 500)
        }
    }

    @Test
    func expiredRecordsAreNeverShownAsLive() {
        let store = ShardStore(pool: MemoryPool(hashSeed: 3), stripeCount: 1)
        let record = Record(key: [1], value: [2], version: Version(time: 5, writer: 1), expiresAt: 100)
        store.merge(record, now: 50)
        #expect(store.contents(withMarkers: false, now: 99) == [[1]: record])
        #expect(store.contents(withMarkers: false, now: 100).isEmpty)
        let marker = Record(key: [1], value: [], version: record.version, expiresAt: 100, kind: .expired)
        #expect(store.contents(withMarkers: true, now: 100) == [[1]: marker])
    }

    /// Without buckets a scan looks at slots, and loads markers alone.
    @Test(arguments: [UInt64.max, 0xFFC0_0000_0000_0001, 0x0000_0000_000F_FF00], [1, 500])
    func recentMarkersAreFoundWithoutLiveRecords(mask: UInt64, maxVisited: Int) {
        var generator = SeededGenerator(seed: 9)
        let store = ShardStore(pool: MemoryPool(hashMask: mask), stripeCount: 2)
        for now in UInt64(1)...4_000 { store.merge(.random(keyCount: 900, now: now, &generator), now: now) }
        for since in [1, 2_000, 3_990] as [UInt64] {
            var found: Set<[UInt8]> = []
            var cursor: ScanCursor? = .start
            while let from = cursor {
                cursor = store.scan(
                    buckets: BucketSet(words: []),
                    markersSince: since,
                    from: from,
                    maxBytes: .max,
                    maxVisited: maxVisited
                ) { found.insert(Array($0.key)).inserted ? 1 : 0 }
            }
            var expected: Set<[UInt8]> = []
            for index in 0..<store.stripeCount {
                let stripe = store.stripe(at: index)
                for place in 0..<1 << Int(stripe.state.pointee.directoryDepth) {
                    Segment(stripe.state.pointee.directory[place])?.forEach {
                        if !$0.header.pointee.isLive, $0.birth >= since { expected.insert(Array($0.key)) }
                    }
                }
            }
            #expect(found == expected && (!expected.isEmpty || since > 2_000))
        }
    }
}
