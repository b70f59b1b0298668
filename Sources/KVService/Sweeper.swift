import KVStorage

/// One thread's share of the endless passes over the stores that free what has expired: where it is, and how fast it must go.
///
/// A pass takes some seconds at any size, in slices; an idle node's passes find nothing, in few slices that are far apart.
/// Where much is due at once, slices follow each other closely, and grow when the pass takes long.
struct Sweeper {
    /// The shard to go on with.
    private var shard = 1
    private var slices = 0
    private var slicesOfLastPass = 1
    /// The work of this pass, in slots.
    private var visited = 0
    private var passStartedAt: UInt64 = 0
    /// How long this pass should take.
    private var passMilliseconds = Self.shortestPassMilliseconds

    /// How long a marker is kept, in milliseconds: longer than a write can be under way.
    static let markerRetentionMilliseconds: UInt64 = 60_000
    /// The work of a slice, in slots: about a tenth of a millisecond, and twice that in the second half of a pass.
    private static let smallestBudget = 8192
    private static let largestBudget = 16_384
    private static let shortestPassMilliseconds = 3000
    private static let longestPassMilliseconds = 8000
    private static let longestPauseMilliseconds = 1000
    /// A longer pass costs less where records expire all the time: this is about 1.5 % of a core.
    private static let slotsPerMillisecond = 1500
    /// A slice with so many changes is followed by the next one at once.
    private static let manyChanges = 128

    /// Does one slice and returns in how many milliseconds the next one is due.
    /// - Parameters:
    ///   - pool: whose compaction this thread plans, once a pass; nil = another thread does.
    ///   - store: the store of a shard, nil where this thread has nothing to do.
    mutating func sweep(
        shardCount: Int,
        now: UInt64,
        planning pool: MemoryPool?,
        store: (Int) -> Unmanaged<ShardStore>?
    ) -> Int {
        if slices == 0 {
            passStartedAt = now
            pool?.planCompaction()
        }
        slices += 1
        let elapsed = Int(clamping: now - min(now, passStartedAt))
        let budget = elapsed > passMilliseconds / 2 ? Self.largestBudget : Self.smallestBudget
        let end = visited + budget
        var changes = 0
        while shard <= shardCount {
            if visited >= end {
                let isBehind = changes >= Self.manyChanges || elapsed > passMilliseconds
                return isBehind ? 1 : max(1, min(passMilliseconds / slicesOfLastPass, Self.longestPauseMilliseconds))
            }
            guard let store = store(shard) else {
                shard += 1
                continue
            }
            let result = store._withUnsafeGuaranteedRef {
                $0.sweep(
                    now: now,
                    markerRetentionMilliseconds: Self.markerRetentionMilliseconds,
                    budget: end - visited
                )
            }
            visited += result.visited
            changes += result.expired + result.dropped + result.moved
            if result.finishedPass { shard += 1 }
        }
        return finishPass(elapsed: elapsed)
    }

    /// The pause until the next pass.
    private mutating func finishPass(elapsed: Int) -> Int {
        let pause = max(1, passMilliseconds - elapsed)
        slicesOfLastPass = slices
        let affordable = visited / Self.slotsPerMillisecond
        passMilliseconds = max(Self.shortestPassMilliseconds, min(affordable, Self.longestPassMilliseconds))
        shard = 1
        slices = 0
        visited = 0
        return pause
    }
}
