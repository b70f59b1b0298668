import KVStorage
package import KVWire

extension Node {
    package func status(now: UInt64) -> GetStatusResponse {
        GetStatusResponse(
            node: name,
            serverVersion: serverVersion,
            mapEpoch: mapEpoch,
            shardCount: shardCount,
            uptimeMilliseconds: now - min(now, startedAt),
            memoryBytes: UInt64(pool.allocatedBytes),
            memoryLimitBytes: UInt64(pool.limitBytes),
            shards: (1...shardCount).compactMap(shardStatus),
            mapError: "",
            isDraining: false,
            waivedCopies: 0
        )
    }

    private func shardStatus(_ shard: Int) -> ShardStatus? {
        let word = table[shard]
        guard let store = word.store?.takeUnretainedValue() else { return nil }
        let statistics = store.statistics
        return ShardStatus(
            shard: shard,
            state: word.state,
            keys: UInt64(statistics.liveCount),
            bytes: UInt64(statistics.liveBytes),
            markers: UInt64(statistics.markerCount)
        )
    }
}
