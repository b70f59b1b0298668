import KVStorage
import KVWire
import Synchronization

/// Changes of the table. Only the handover's decisions make them, one at a time; requests go on meanwhile.
extension Node {
    /// Begins to host a shard, empty.
    func host(_ shard: Int, _ state: ShardState) {
        precondition(table[shard] == .absent, "a shard has one store")
        put(makeStore(), shard, state)
    }

    /// Changes the state of a shard that is hosted. When this returns, no request acts by the old state any more.
    func setState(of shard: Int, _ state: ShardState) {
        guard let store = table[shard].store?.takeUnretainedValue() else {
            preconditionFailure("only a hosted shard changes its state")
        }
        store.markersDroppableBefore = state == .serving ? .max : 0
        table[shard] = ShardWord(store, state)
        store.fence()
    }

    /// Forgets a shard's records and begins anew, in the same state.
    func clear(_ shard: Int) {
        let word = table[shard]
        guard let store = word.store?.takeRetainedValue() else { return }
        put(makeStore(), shard, word.state)
        retire(store)
    }

    /// Stops hosting a shard. Its records are freed by and by, in `NodeHandler.maintain`.
    func drop(_ shard: Int) {
        guard let store = table[shard].store?.takeRetainedValue() else { return }
        table[shard] = .absent
        retire(store)
    }

    /// A request that found the store before notices under its stripe's lock that the table has changed.
    private func retire(_ store: ShardStore) {
        store.fence()
        quiescence.retire(store)
    }

    /// The store of a shard, counted as used. Taken under the handover's lock, since no store leaves the table meanwhile.
    func hosted(_ shard: Int) -> (store: ShardStore, state: ShardState)? {
        handover.withLock { _ in
            let word = table[shard]
            return word.store.map { ($0.takeUnretainedValue(), word.state) }
        }
    }

    private func put(_ store: ShardStore, _ shard: Int, _ state: ShardState) {
        store.markersDroppableBefore = state == .serving ? .max : 0
        advanceGeneration(of: shard)
        table[shard] = ShardWord(store, state)
        _ = Unmanaged.passRetained(store)
    }

    private func makeStore() -> ShardStore {
        ShardStore(
            pool: pool,
            stripeCount: stripeCount,
            bucketCount: BucketLayout.bucketCount(shardCount: shardCount)
        )
    }

    /// Enough stripes that threads rarely meet at one, without much memory for each of thousands of empty shards.
    private var stripeCount: Int {
        var count = 8
        while count < 64 && count * shardCount < 512 { count *= 2 }
        return count
    }
}
