import KVStorage
package import KVWire
import Synchronization

extension Node {
    package func status(now: UInt64) -> GetStatusResponse {
        let (waivedCopies, progress) = handover.withLock { handover in
            (handover.coordinator.waivedCopies, handover.coordinator.shards)
        }
        let condition = condition.withLock { $0 }
        return GetStatusResponse(
            node: name,
            serverVersion: serverVersion,
            mapEpoch: mapEpoch,
            shardCount: shardCount,
            uptimeMilliseconds: now - min(now, startedAt),
            memoryBytes: UInt64(pool.allocatedBytes),
            memoryLimitBytes: UInt64(pool.limitBytes),
            shards: progress.keys.sorted().compactMap { status(of: $0, progress[$0]) },
            mapError: condition.mapError,
            isDraining: condition.isDraining,
            waivedCopies: waivedCopies
        )
    }

    /// Nil for a shard that went meanwhile.
    private func status(of shard: Int, _ progress: ShardHandover?) -> ShardStatus? {
        let found = hosted(shard)
        guard let found, let progress else { return nil }
        let statistics = found.store.statistics
        var status = ShardStatus(
            shard: shard,
            state: found.state,
            keys: UInt64(statistics.liveCount),
            bytes: UInt64(statistics.liveBytes),
            markers: UInt64(statistics.markerCount)
        )
        if found.state == .joining {
            status.copiedKeys = UInt64(progress.copiedRecords)
            status.copiedBytes = UInt64(progress.copiedBytes)
            status.source = progress.copy?.source ?? ""
        }
        if let leave = progress.leave { status.awaited = leave.owners.filter { !leave.confirmed.contains($0) } }
        return status
    }
}
