import KVCore
import Testing

@testable import KVStorage

@Suite
struct ConcurrencyTests {
    /// Every value repeats the version that wrote it, so that a torn or misplaced record shows.
    @Test(arguments: [4, 20_000])
    func writersReadersSweepersAndScannersShareAStore(keyCount: Int) async {
        let pool = MemoryPool(hashSeed: 8)
        let store = ShardStore(pool: pool, stripeCount: 4)
        let expected = await withTaskGroup(of: [[UInt8]: Version].self) { group in
            for writer in 0..<4 {
                group.addTask {
                    var generator = SeededGenerator(seed: UInt64(writer))
                    var written: [[UInt8]: Version] = [:]
                    for step in 0..<20_000 {
                        let key = bytes("\(Int.random(in: 0..<keyCount, using: &generator))")
                        if step % 3 == 0 {
                            if let found = store.find(key) { expectWhole(found) }
                            continue
                        }
                        let version = Version(milliseconds: UInt64(step), writer: UInt64(writer))
                        store.merge(makeRecord(key, version), now: 1)
                        written[key] = version
                    }
                    return written
                }
            }
            group.addTask {
                for _ in 0..<30 {
                    store.sweepAll(now: 1)
                    for (_, record) in store.contents(maxBytes: 5_000) { expectWhole(record) }
                    store.fence()
                }
                return [:]
            }
            return await group.reduce(into: [:]) { all, written in all.merge(written) { max($0, $1) } }
        }
        #expect(store.contents().mapValues(\.version) == expected)
        #expect(store.statistics.liveCount == expected.count)
    }
}

private func makeRecord(_ key: [UInt8], _ version: Version) -> Record {
    let count = Int(version.milliseconds % 200)
    return Record(key: key, value: [UInt8](repeating: UInt8(count), count: count), version: version)
}

private func expectWhole(_ record: Record) {
    #expect(record == makeRecord(record.key, record.version))
}
