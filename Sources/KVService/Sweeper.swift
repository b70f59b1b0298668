import KVStorage

/// One thread's share of the endless passes over the stores that free what has expired: where it is, and how fast it must go.
///
/// A pass takes about two seconds at any size, in slices. These follow each other until they are somewhat ahead of the pass's
/// pace, and then pause until it has caught up: waking a thread costs about as much as a small slice, whose caches are cold
/// besides. Where much is due at once, they follow each other as closely as requests leave room.
struct Sweeper {
    /// The shard to go on with.
    private var shard = 1
    private var slices = 0
    private var slicesOfLastPass = 1
    private var passStartedAt: UInt64 = 0
    /// The last slice found many.
    private var isRich = false

    /// How long a marker is kept, in milliseconds: longer than a write can be under way.
    static let markerRetentionMilliseconds: UInt64 = 60_000
    /// The work of a slice, in nanoseconds by estimate, which is low where no cache holds what expires. Requests wait for no more.
    private static let budget = 50_000
    /// How long a pass should take.
    private static let passMilliseconds = 2000
    /// The shortest pause worth it within a pass.
    private static let pauseMilliseconds = 20
    /// With the pass, the most by which records outlive their deadline in memory, unless too many are due. The longer, the
    /// less it costs where a few records expire all the time.
    private static let patienceMilliseconds: UInt64 = 6000
    /// A slice with so many changes is not the last one with many, and what is due need not wait for more.
    private static let manyChanges = 64

    /// Does one slice and returns in how many milliseconds the next one is due; 0 = this one was not enough.
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
        var cost = 0
        var changes = 0
        let patience = isRich ? 0 : Self.patienceMilliseconds
        defer { isRich = changes >= Self.manyChanges }
        while shard <= shardCount {
            if cost >= Self.budget {
                return changes >= Self.manyChanges ? 0 : pauseWithinPass(elapsed: elapsed)
            }
            guard let store = store(shard) else {
                shard += 1
                continue
            }
            let result = store._withUnsafeGuaranteedRef {
                $0.sweep(
                    now: now,
                    markerRetentionMilliseconds: Self.markerRetentionMilliseconds,
                    patienceMilliseconds: patience,
                    budget: Self.budget - cost
                )
            }
            cost += result.cost
            changes += result.expired + result.dropped + result.moved
            if result.finishedPass { shard += 1 }
        }
        return finishPass(elapsed: elapsed)
    }

    /// The pause until the pass should be where it is, if that is worth it.
    private func pauseWithinPass(elapsed: Int) -> Int {
        let pace = min(Self.passMilliseconds, Self.passMilliseconds * slices / slicesOfLastPass)
        let pause = pace - elapsed
        return pause < Self.pauseMilliseconds ? 0 : pause
    }

    /// The pause until the next pass.
    private mutating func finishPass(elapsed: Int) -> Int {
        let pause = max(1, Self.passMilliseconds - elapsed)
        slicesOfLastPass = slices
        shard = 1
        slices = 0
        return pause
    }
}
