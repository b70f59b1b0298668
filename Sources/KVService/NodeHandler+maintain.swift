extension NodeHandler {
    /// The work of freeing dropped shards in one slice, in nanoseconds by estimate.
    private static let releaseBudget = 100_000

    package func maintain(now: UInt64) -> Int {
        let isReleased = node.quiescence.release(budget: Self.releaseBudget)
        let pause = sweepIfDue(now: now)
        return isReleased ? pause : min(pause, 1)
    }

    private func sweepIfDue(now: UInt64) -> Int {
        if now < sweepDueAt { return Int(sweepDueAt - now) }
        let maintainers = node.maintainers
        let pause = withStores {
            sweeper.sweep(shardCount: node.shardCount, now: now, planning: index == 0 ? node.pool : nil) { shard in
                shard % maintainers == index % maintainers ? node.table[shard].store : nil
            }
        }
        sweepDueAt = now + UInt64(pause)
        return pause
    }
}
