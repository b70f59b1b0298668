import KVCore
import Testing

@testable import KVStorage

@Suite
struct ChangesTests {
    /// Writes between pages and marks, while segments split and sweeps go by: what was stored since a mark is visited as it is
    /// now, whenever the mark was set, and with the copy of before it makes up the whole store.
    @Test(arguments: [UInt64.max, 0xFFC0_0000_0000_0001, 0x0000_0000_000F_FF00], [40, 400, .max])
    func aCopyAndTheChangesSinceItBeganAreTheStore(mask: UInt64, maxVisited: Int) throws {
        var generator = SeededGenerator(seed: mask ^ UInt64(maxVisited))
        let store = ShardStore(pool: MemoryPool(hashMask: mask), stripeCount: 4)
        let copy = ShardStore(pool: MemoryPool(hashSeed: 5), stripeCount: 1)
        store.markersDroppableBefore = 0
        var now: UInt64 = 1_000
        func write(_ count: Int) {
            for _ in 0..<count {
                now += UInt64.random(in: 0...3, using: &generator)
                store.merge(.random(keyCount: 700, now: now, &generator), now: now)
            }
            if Int.random(in: 0..<20, using: &generator) == 0 { store.sweepAll(now: now) }
        }
        write(1_000)
        store.recordChanges(true)
        var mark = try #require(store.markChanges())
        var cursor: ScanCursor? = .start
        while let from = cursor {
            cursor = store.scan(from: from, maxBytes: maxVisited, withMarkers: true, now: 0) {
                copy.merge(Record($0), now: now)
            }
            if maxVisited < .max { write(5) }
        }
        for _ in 0..<3 {
            write(300)
            let next = try #require(store.markChanges())
            cursor = .start
            while let from = cursor {
                cursor = store.scanChanges(since: mark, from: from, maxBytes: .max, maxVisited: maxVisited) {
                    copy.merge(Record($0), now: now)
                    return 0
                }
                if maxVisited < .max { write(2) }
            }
            #expect(store.hasAllChanges(since: mark))
            mark = next
        }
        var visited = 0
        _ = store.scanChanges(since: mark, from: .start, maxBytes: .max, maxVisited: .max) {
            copy.merge(Record($0), now: now)
            visited += 1
            return 0
        }
        #expect(visited < 300)
        copy.markersDroppableBefore = 0
        for store in [store, copy] { store.sweepAll(now: now + 100_000) }
        let (expected, found) = (store.contents(), copy.contents())
        #expect(expected.filter { found[$0.key] != $0.value }.isEmpty && found.count == expected.count)
    }

    @Test func whatIsLostIsNotCalledComplete() throws {
        let store = ShardStore(pool: MemoryPool(hashSeed: 3), stripeCount: 1)
        func write(_ numbers: Range<Int>) {
            for number in numbers {
                let version = Version(time: UInt64(number) + 1, writer: 1)
                store.merge(Record(key: bytes("\(number)"), value: [], version: version), now: 1)
            }
        }
        func changes(since mark: UInt64?) -> Set<[UInt8]> {
            var keys: Set<[UInt8]> = []
            _ = store.scanChanges(since: mark, from: .start, maxBytes: .max, maxVisited: .max) {
                keys.insert(Array($0.key))
                return 0
            }
            return keys
        }
        write(0..<10)
        #expect(store.markChanges() == nil && changes(since: nil).isEmpty)
        store.recordChanges(true, changesMax: 64)
        let first = try #require(store.markChanges())
        write(10..<50)
        let second = try #require(store.markChanges())
        #expect(store.hasAllChanges(since: first) && store.hasAllChanges(since: second))
        write(50..<74)
        #expect(store.hasAllChanges(since: first))
        #expect(changes(since: first) == Set((10..<74).map { bytes("\($0)") }))
        write(74..<75)
        #expect(!store.hasAllChanges(since: first) && store.hasAllChanges(since: second))
        #expect(changes(since: second) == Set((50..<75).map { bytes("\($0)") }))
        #expect(!store.hasAllChanges(since: second + 1))
        write(75..<114)
        #expect(store.hasAllChanges(since: second))
        write(114..<115)
        #expect(!store.hasAllChanges(since: second))
        #expect(changes(since: nil) == Set((51..<115).map { bytes("\($0)") }))
        // A new recording knows nothing of the marks of an earlier one.
        store.recordChanges(false)
        store.recordChanges(true)
        #expect(!store.hasAllChanges(since: second))
        let third = try #require(store.markChanges())
        #expect(third > second && store.hasAllChanges(since: third) && changes(since: third).isEmpty)
    }

    /// Writes that are refused change nothing; an overwrite is a change of its key, once.
    @Test func onlyWhatIsStoredIsAChange() throws {
        let store = ShardStore(pool: MemoryPool(hashSeed: 3), stripeCount: 1)
        store.recordChanges(true)
        let newer = Record(key: [1], value: [2], version: Version(time: 5, writer: 1))
        store.merge(newer, now: 1)
        let mark = try #require(store.markChanges())
        store.merge(newer, now: 1)
        store.merge(Record(key: [1], value: [3], version: Version(time: 4, writer: 1)), now: 1)
        var found: [Record] = []
        func look() {
            found = []
            _ = store.scanChanges(since: mark, from: .start, maxBytes: .max, maxVisited: .max) {
                found.append(Record($0))
                return 0
            }
        }
        look()
        #expect(found.isEmpty)
        let deleted = Record(key: [1], value: [], version: Version(time: 6, writer: 1), kind: .deleted)
        for time in 6...7 {
            store.merge(
                Record(key: [1], value: [], version: Version(time: UInt64(time), writer: 1), kind: .deleted),
                now: 1
            )
        }
        look()
        #expect(found.map(\.key) == [deleted.key] && found.map(\.version.time) == [7] && found[0].kind == .deleted)
    }
}
