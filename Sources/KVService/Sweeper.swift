import KVStorage

/// One thread's share of the endless passes over the stores that free what has expired: where it is, and how fast it must go.
///
/// A pass takes a few seconds at any size, in slices; an idle node's passes find nothing and are far apart.
struct Sweeper {
    /// The shard to go on with.
    private var shard = 1
    private var slices = 0
    private var slicesOfLastPass = 1
    private var passStartedAt: UInt64 = 0

    /// How long a marker is kept, in milliseconds: longer than a write can be under way.
    static let markerRetentionMilliseconds: UInt64 = 60_000
    /// Slots of work in a slice: about a tenth of a millisecond.
    private static let budget = 8192
    private static let passMilliseconds = 3000
    private static let longestPauseMilliseconds = 1000

    /// Does one slice and returns in how many milliseconds the next one is due.
    /// - Parameter store: the store of a shard, nil where this thread has nothing to do.
    mutating func sweep(shardCount: Int, now: UInt64, store: (Int) -> Unmanaged<ShardStore>?) -> Int {
        if shard == 1 && slices == 0 { passStartedAt = now }
        slices += 1
        var visited = 0
        while shard <= shardCount {
            if visited >= Self.budget { return pause }
            guard let store = store(shard) else {
                shard += 1
                continue
            }
            let result = store._withUnsafeGuaranteedRef {
                $0.sweep(
                    now: now,
                    markerRetentionMilliseconds: Self.markerRetentionMilliseconds,
                    budget: Self.budget - visited
                )
            }
            visited += result.visited
            if result.finishedPass { shard += 1 }
        }
        slicesOfLastPass = slices
        shard = 1
        slices = 0
        let elapsed = Int(clamping: now - min(now, passStartedAt))
        return max(pause, min(Self.longestPauseMilliseconds, Self.passMilliseconds - elapsed))
    }

    private var pause: Int { min(Self.longestPauseMilliseconds, Self.passMilliseconds / slicesOfLastPass) }
}
