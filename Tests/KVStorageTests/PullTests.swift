import KVCore
import Testing

@testable import KVStorage

/// The pull that `ShardStore+digests.swift` describes, between two stores in one process.
@Suite
struct PullTests {
    private static let skewMilliseconds: UInt64 = 2_000

    /// Writes reach both replicas, or one of them; each sweeps when it likes, by a clock of its own. Markers go at once where two
    /// pulls a minute apart say that they may: still nothing comes back.
    @Test(arguments: 0..<60)
    func afterMutualPullsBothHoldTheGreatestVersions(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bucketCount = [16, 64, 1_024, 8_192][Int(seed % 4)]
        let stores = (0..<2).map { index in
            ShardStore(
                pool: MemoryPool(hashSeed: seed * 2 + UInt64(index)),
                stripeCount: 1 << (index * 2),
                bucketCount: bucketCount
            )
        }
        for store in stores { store.markersDroppableBefore = 0 }
        var dropped = 0
        var greatest: [[UInt8]: Record] = [:]
        var now: UInt64 = 1_000_000_000
        for epoch in 0..<4 {
            for _ in 0..<1_500 {
                now += UInt64.random(in: 0...60, using: &generator)
                let record = Record.random(keyCount: 300, now: now, &generator)
                if greatest[record.key].map({ record.isGreater(than: $0) }) ?? true { greatest[record.key] = record }
                let delivery = Int.random(in: 0..<6, using: &generator)
                for (index, store) in stores.enumerated() where delivery != index {
                    let clock = now + UInt64.random(in: 0...1_000, using: &generator)
                    store.merge(record, now: clock)
                    if Int.random(in: 0..<300, using: &generator) == 0 { store.sweepAll(now: clock, retention: 0) }
                }
            }
            mutualPulls(stores, now: now)
            #expect(digests(stores[0], now) == digests(stores[1], now), "epoch \(epoch)")
            #expect(compared(stores[0], now) == compared(stores[1], now), "epoch \(epoch)")

            // What shared a bucket with a window near now has its turn a minute later.
            let droppableBefore = now
            now += 65_000
            mutualPulls(stores, now: now)
            for store in stores {
                #expect(lasting(store.contents(now: 0), now) == lasting(greatest, now), "epoch \(epoch)")
                store.markersDroppableBefore = droppableBefore
                dropped += store.sweepAll(now: now, retention: 0).dropped
            }
        }
        #expect(dropped > 0)
        #expect(lasting(greatest, now).count > 20)
    }

    /// Every state of a key on one side against every state on the other.
    @Test
    func everyPairOfStatesConvergesToTheGreaterOne() {
        let now: UInt64 = 1_000_000_000
        let shapes: [(RecordKind, UInt64)?] = [
            nil, (.live, 0), (.live, now + 200_000), (.live, now + 3_000_000), (.live, now + 5_000), (.deleted, 0),
            (.expired, now - 50_000),
        ]
        for (left, right) in shapes.flatMap({ left in shapes.map { (left, $0) } }) {
            for isLeftNewer in [true, false] {
                func record(_ shape: (RecordKind, UInt64)?, time: UInt64) -> Record? {
                    shape.map { kind, expiresAt in
                        let version = Version(time: time, writer: 3)
                        return Record(key: [1], value: [], version: version, expiresAt: expiresAt, kind: kind)
                    }
                }
                let records = [record(left, time: isLeftNewer ? 2 : 1), record(right, time: isLeftNewer ? 1 : 2)]
                let stores = records.map { record in
                    let store = ShardStore(pool: MemoryPool(hashSeed: 1), stripeCount: 1, bucketCount: 1_024)
                    if let record { store.merge(record, now: now) }
                    return store
                }
                mutualPulls(stores, now: now)
                let greatest = records.compactMap { $0 }.max { $0.version < $1.version }
                for (store, own) in zip(stores, records) {
                    let live = greatest?.kind == .live ? greatest : nil
                    // A record that is about to expire, and a marker beside nothing, are left where they are.
                    let isLeftOut = live?.expiresAt == now + 5_000 && own?.kind != .live
                    let isAboutToExpire = own?.kind == .live && own?.expiresAt == now + 5_000
                    if isLeftOut || isAboutToExpire { continue }
                    let found = store.find([1])
                    #expect((found?.kind == .live ? found : nil) == live, "\(records)")
                }
            }
        }
    }

    @Test(arguments: [0, 1, 20])
    func workIsProportionalToTheDifference(differenceCount: Int) {
        let now: UInt64 = 1_000_000_000
        let stores = (0..<2).map {
            ShardStore(pool: MemoryPool(hashSeed: UInt64($0)), stripeCount: 4, bucketCount: 8_192)
        }
        for number in 0..<40_000 {
            let version = Version(milliseconds: now, writer: UInt64(number))
            let expiresAt = number % 2 == 0 ? 0 : now + 100_000 + UInt64(number) * 50
            let record = Record(key: bytes("\(number)"), value: [1], version: version, expiresAt: expiresAt)
            for store in stores { store.merge(record, now: now) }
        }
        for number in 0..<differenceCount {
            let version = Version(milliseconds: now + 1, writer: 1)
            let kind: RecordKind = number % 3 == 0 ? .deleted : .live
            let record = Record(key: bytes("\(number)"), value: [2], version: version, kind: kind)
            stores[number % 2].merge(record, now: now)
        }
        let work = mutualPulls(stores, now: now)
        // A change of a key touches two buckets, each with five records without a deadline, or with one about as many.
        #expect(work.listed <= differenceCount * 2 * 2 * 10)
        #expect(work.asked <= differenceCount)
        #expect(work.taken == differenceCount)
        #expect(compared(stores[0], now) == compared(stores[1], now))
    }

    @Test
    func aScanOfBucketsEndsByWorkAndVisitsEachLiveRecordOnce() {
        let store = ShardStore(pool: MemoryPool(hashSeed: 1), stripeCount: 4, bucketCount: 16)
        for number in 0..<5_000 {
            let kind: RecordKind = number % 4 == 0 ? .deleted : .live
            let version = Version(milliseconds: 1, writer: UInt64(number))
            store.merge(Record(key: bytes("\(number)"), value: [1], version: version, kind: kind), now: 1)
        }
        var words = store.digests.read()
        words[3] ^= 1
        words[7] ^= 1
        let buckets = BucketSet(differing: words, store.digests.read())
        #expect(buckets.count == 2)
        let expected = store.contents().values.filter {
            let bucket = BucketLayout(bucketCount: 16).bucket($0.routingHash, deadline: 0)
            return $0.kind == .live && [3, 7].contains(bucket)
        }
        for (maxBytes, maxVisited) in [(Int.max, 1), (1, Int.max), (40, 3_000), (.max, .max)] {
            var keys: [[UInt8]] = []
            var pages = 0
            var cursor: ScanCursor? = .start
            while let from = cursor {
                cursor = store.scan(buckets: buckets, from: from, maxBytes: maxBytes, maxVisited: maxVisited) {
                    keys.append(Array($0.key))
                    return $0.key.count
                }
                pages += 1
            }
            #expect(Set(keys) == Set(expected.map(\.key)))
            #expect(keys.count == expected.count)
            #expect((pages == 1) == (maxVisited == .max && maxBytes == .max))
        }
    }

    // MARK: The pull

    private struct Work {
        /// Records listed by the other side in buckets that differ.
        var listed = 0
        /// Own records sent to the other side because it did not list their keys.
        var asked = 0
        /// Records taken over.
        var taken = 0
    }

    @discardableResult
    private func mutualPulls(_ stores: [ShardStore], now: UInt64) -> Work {
        var work = Work()
        for _ in 0..<2 {
            pull(into: stores[0], from: stores[1], now: now, &work)
            pull(into: stores[1], from: stores[0], now: now, &work)
        }
        return work
    }

    private func pull(into own: ShardStore, from other: ShardStore, now: UInt64, _ work: inout Work) {
        let buckets = BucketSet(differing: digests(own, now), digests(other, now))
        if buckets.isEmpty { return }
        let listed = list(other, buckets)
        let unlisted = list(own, buckets).filter { listed[$0.key] == nil }
        work.listed += listed.count
        work.asked += unlisted.count
        for key in Array(listed.keys) + Array(unlisted.keys) {
            guard let record = other.find(key) else { continue }
            if let present = own.find(key), !record.isGreater(than: present) { continue }
            if own.merge(record, now: now) == .stored { work.taken += 1 }
        }
    }

    private func list(_ store: ShardStore, _ buckets: BucketSet) -> [[UInt8]: Version] {
        var records: [[UInt8]: Version] = [:]
        var cursor: ScanCursor? = .start
        while let from = cursor {
            cursor = store.scan(buckets: buckets, from: from, maxBytes: 1_000, maxVisited: 500) {
                records[Array($0.key)] = $0.version
                return $0.key.count + 16
            }
        }
        return records
    }

    private func digests(_ store: ShardStore, _ now: UInt64) -> [UInt64] {
        store.digests(cutoff: now, skewMilliseconds: Self.skewMilliseconds)
    }

    /// The live records that a comparison `now` takes into account.
    private func compared(_ store: ShardStore, _ now: UInt64) -> [[UInt8]: Record] {
        let near = Set(store.digests.layout.nearBuckets(now: now, skewMilliseconds: Self.skewMilliseconds).joined())
        return store.contents(now: 0).filter {
            $1.kind == .live && !near.contains(store.digests.layout.bucket($1.routingHash, deadline: $1.expiresAt))
        }
    }

    /// The live records whose deadlines are not near `now`.
    private func lasting(_ records: [[UInt8]: Record], _ now: UInt64) -> [[UInt8]: Record] {
        records.filter { $1.kind == .live && ($1.expiresAt == 0 || $1.expiresAt > now + 21_000) }
    }
}

extension Record {
    fileprivate var routingHash: UInt32 { key.withUnsafeBytes { RoutingHash.fnv1($0) } }

    fileprivate func isGreater(than other: Record) -> Bool {
        version == other.version ? kind.rawValue > other.kind.rawValue : version > other.version
    }
}
