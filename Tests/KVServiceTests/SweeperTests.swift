import KVStorage
import Testing

@testable import KVService

@Suite struct SweeperTests {
    /// A pass over an empty store of so many stripes takes some 200 slices.
    private let store = ShardStore(pool: MemoryPool(hashSeed: 5), stripeCount: 1 << 16, bucketCount: 16)

    /// Where little is due, a thread wakes for some slices together, and passes keep their pace all the same.
    @Test func slicesComeTogether() {
        var sweeper = Sweeper()
        var now: UInt64 = 1_000_000
        // How many there are, the first pass tells.
        pass(&sweeper, now: &now)
        let start = now
        let pauses = pass(&sweeper, now: &now)
        #expect((2000...2001).contains(now - start))
        #expect((10...101).contains(pauses))
    }

    /// Returns how often the thread slept.
    @discardableResult
    private func pass(_ sweeper: inout Sweeper, now: inout UInt64) -> Int {
        let end = now + 2000
        var pauses = 0
        while now < end {
            let pause = sweeper.sweep(shardCount: 1, now: now, planning: nil) { _ in .passUnretained(store) }
            now += UInt64(pause)
            if pause > 0 { pauses += 1 }
        }
        return pauses
    }
}
