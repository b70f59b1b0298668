import KVStorage
import KVWire
import Synchronization

/// Changes of the table. Only the coordinator's decisions make them, one at a time; requests go on meanwhile.
extension Node {
    /// Begins to host a shard, empty and closed.
    func host(_ shard: Int) {
        precondition(table[shard] == .absent, "a shard has one store")
        put(makeStore(), shard, .closed)
    }

    /// Changes what requests may do. When this returns, none acts by what held before.
    func publish(_ shard: Int, _ publication: Publication) {
        setRedirect(of: shard, publication.redirect)
        guard let store = table[shard].store?.takeUnretainedValue() else { return }
        store.markersDroppableBefore = publication.markersDroppableBefore
        store.recordChanges(publication.recordsChanges, changesMax: policy.recordedChangesMax)
        let word = ShardWord(store, publication.access)
        if word == table[shard] && publication.view == table.view(of: shard) { return }
        table.setView(of: shard, publication.view)
        table[shard] = word
        store.fence()
    }

    /// Forgets a shard's records and begins anew, with the same access.
    func clear(_ shard: Int) {
        let word = table[shard]
        guard let store = word.store?.takeRetainedValue() else { return }
        put(makeStore(), shard, word.access)
        retire(store)
    }

    /// Stops hosting a shard. Its records are freed by and by, in `NodeHandler.maintain`.
    func drop(_ shard: Int) {
        guard let store = table[shard].store?.takeRetainedValue() else { return }
        table[shard] = .absent
        table.setView(of: shard, 0)
        retire(store)
    }

    /// A request that found the store before notices under its stripe's lock that the table has changed.
    private func retire(_ store: ShardStore) {
        store.fence()
        quiescence.retire(store)
    }

    /// The store of a shard, counted as used. Taken under the replication's lock, since no store leaves the table meanwhile.
    func hosted(_ shard: Int) -> (store: ShardStore, access: ShardAccess)? {
        replication.withLock { _ in
            let word = table[shard]
            return word.store.map { ($0.takeUnretainedValue(), word.access) }
        }
    }

    private func put(_ store: ShardStore, _ shard: Int, _ access: ShardAccess) {
        store.markersDroppableBefore = 0
        advanceGeneration(of: shard)
        table[shard] = ShardWord(store, access)
        _ = Unmanaged.passRetained(store)
    }

    private func makeStore() -> ShardStore {
        ShardStore(
            pool: pool,
            stripeCount: stripeCount,
            bucketCount: bucketCount
        )
    }

    /// Enough stripes that threads rarely meet at one, without much memory for each of thousands of empty shards.
    private var stripeCount: Int {
        var count = 8
        while count < 64 && count * shardCount < 512 { count *= 2 }
        return count
    }
}
