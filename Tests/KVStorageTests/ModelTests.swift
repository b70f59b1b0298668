import KVCore
import Testing

@testable import KVStorage

/// A table against a plain dictionary with the same rules.
@Suite
struct ModelTests {
    /// Masks that leave well mixed, few leading, few trailing, and no bits at all.
    static let masks: [UInt64] = [.max, 0xFFF0_0000_0000_0000, 0x0000_0000_0000_00FF, 0x8000_0000_0FFF_F001, 0]

    @Test(arguments: masks, [1, 4])
    func randomMergesSweepsAndScansAgreeWithTheModel(mask: UInt64, stripeCount: Int) {
        var generator = SeededGenerator(seed: mask &+ UInt64(stripeCount))
        let pool = MemoryPool(hashMask: mask)
        let store = ShardStore(pool: pool, stripeCount: stripeCount)
        var model = Model()
        let keyCount = mask == .max ? 6_000 : 1_200
        for step in 0..<20_000 {
            let now = 1_000_000 + UInt64(step)
            switch Int.random(in: 0..<1_000, using: &generator) {
            case 0:
                let retention = UInt64.random(in: 0...8_000, using: &generator)
                store.markersDroppableBefore = [0, now - 4_000, .max].randomElement(using: &generator)!
                store.sweepAll(now: now, retention: retention)
                model.sweep(now: now, retention: retention, droppableBefore: store.markersDroppableBefore)
            case 1:
                let maxBytes = Int.random(in: 1...20_000, using: &generator)
                #expect(store.contents(maxBytes: maxBytes, now: now) == model.contents(now: now))
            case 2...200:
                let key = Model.randomKey(keyCount, &generator)
                #expect(store.find(key) == model.records[key].map(\.record))
            default:
                let record = Model.randomRecord(keyCount, now: now, &generator)
                #expect(store.merge(record, now: now) == model.merge(record, now: now))
            }
        }
        let now = UInt64(1_020_000)
        #expect(store.contents(now: now) == model.contents(now: now))
        #expect(store.statistics == model.statistics)
        store.markersDroppableBefore = .max
        store.sweepAll(now: .max - 1, retention: 0)
        model.sweep(now: .max - 1, retention: 0, droppableBefore: .max)
        #expect(store.statistics == model.statistics)
        while !store.release(budget: 1_000) {}
        #expect(store.statistics == ShardStatistics())
    }

    @Test(arguments: 0..<40)
    func theOrderOfMergesDoesNotMatter(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let records = (0..<300).map { _ in Model.randomRecord(40, now: 1_000, &generator) }
        var states: Set<[[UInt8]: Record]> = []
        for _ in 0..<4 {
            let store = ShardStore(pool: MemoryPool(hashMask: 0xF000_0000_0000_0003), stripeCount: 2)
            // Twice, in different orders: merging is idempotent too.
            for record in records.shuffled(using: &generator) { store.merge(record, now: 2_000) }
            for record in records.shuffled(using: &generator) { store.merge(record, now: 2_000) }
            states.insert(store.contents())
        }
        #expect(states.count == 1)
    }
}

/// The rules of a table, as plainly as they can be written.
private struct Model {
    struct Kept {
        var record: Record
        var birth: UInt64
    }

    var records: [[UInt8]: Kept] = [:]

    mutating func merge(_ record: Record, now: UInt64) -> MergeOutcome {
        var record = record
        if record.kind == .live, record.expiresAt != 0, record.expiresAt <= now { record.kind = .expired }
        if record.kind != .live { record.value = [] }
        if record.kind == .expired, record.expiresAt == 0 { record.expiresAt = now }
        if record.kind == .deleted { record.expiresAt = 0 }
        if let current = records[record.key]?.record {
            if record.version < current.version { return .superseded(current.version) }
            if record.version == current.version, record.kind.rawValue <= current.kind.rawValue { return .unchanged }
        }
        records[record.key] = Kept(record: record, birth: record.kind == .deleted ? now : record.expiresAt)
        return .stored
    }

    mutating func sweep(now: UInt64, retention: UInt64, droppableBefore: UInt64) {
        for (key, var kept) in records {
            if kept.record.kind == .live, kept.record.expiresAt != 0, kept.record.expiresAt <= now {
                kept.record.kind = .expired
                kept.record.value = []
                records[key] = kept
            }
            let isDroppable = now > kept.birth + retention && kept.birth < droppableBefore
            if kept.record.kind != .live, isDroppable { records[key] = nil }
        }
    }

    func contents(now: UInt64) -> [[UInt8]: Record] {
        records.mapValues { kept in
            var record = kept.record
            if record.kind == .live, record.expiresAt != 0, record.expiresAt <= now {
                record.kind = .expired
                record.value = []
            }
            return record
        }
    }

    var statistics: ShardStatistics {
        var total = ShardStatistics()
        for kept in records.values {
            if kept.record.kind == .live {
                total.liveCount += 1
                total.liveBytes += kept.record.key.count + kept.record.value.count
            } else {
                total.markerCount += 1
            }
        }
        return total
    }

    static func randomKey(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        let number = Int.random(in: 0..<count, using: &generator)
        // Of many lengths, with zero bytes, and the empty one.
        return number == 0 ? [] : [UInt8](repeating: 0, count: number % 40) + bytes("\(number)")
    }

    /// Few versions, so that equal ones meet. A version means one value, one deadline.
    static func randomRecord(_ keyCount: Int, now: UInt64, _ generator: inout SeededGenerator) -> Record {
        let key = randomKey(keyCount, &generator)
        let version = Version(milliseconds: now + UInt64.random(in: 0..<40, using: &generator), writer: 7)
        var content = SeededGenerator(seed: version.time)
        let value = [UInt8](repeating: UInt8(version.milliseconds & 0xFF), count: Int(content.next() % 300))
        let expiresAt = content.next() % 3 == 0 ? 0 : version.milliseconds + content.next() % 6_000
        let kind: RecordKind =
            switch Int.random(in: 0..<10, using: &generator) {
            case 0: .expired
            case 1: content.next() % 4 == 0 ? .deleted : .live
            default: .live
            }
        return Record(key: key, value: value, version: version, expiresAt: expiresAt, kind: kind)
    }
}
