import KVStorage
package import KVWire
import Synchronization

extension Node {
    /// - Parameter now: the cluster's clock.
    package func status(now: UInt64) -> GetStatusResponse {
        let coordinator = replication.withLock { $0.coordinator }
        let condition = condition.withLock { $0 }
        return GetStatusResponse(
            node: name,
            serverVersion: serverVersion,
            mapEpoch: mapEpoch,
            shardCount: shardCount,
            uptimeMilliseconds: now - min(now, startedAt),
            memoryBytes: UInt64(pool.allocatedBytes),
            memoryLimitBytes: UInt64(pool.limitBytes),
            shards: coordinator.replicas.keys.sorted().compactMap { status(of: $0, coordinator, now: now) },
            mapError: condition.mapError,
            isDraining: condition.isDraining,
            waivedCopies: coordinator.waivedCopies
        )
    }

    /// What this node does with a shard.
    package func state(of shard: Int) -> ShardState {
        replication.withLock { $0.coordinator.replicas[shard]?.state } ?? .absent
    }

    /// The view by which this node serves a shard; nil = it does not.
    package func servedView(of shard: Int) -> View? { table.view(of: shard) == 0 ? nil : redirect(of: shard) }

    /// The epoch of the newest map known here that gives a shard to no node; 0 = there is none.
    package func droppedEpoch(of shard: Int) -> UInt64 {
        replication.withLock { $0.coordinator.replicas[shard]?.droppedEpoch } ?? 0
    }

    /// Nil for a shard that this node has nothing to do with.
    private func status(of shard: Int, _ coordinator: ReplicationCoordinator, now: UInt64) -> ShardStatus? {
        guard let replica = coordinator.replicas[shard], replica.state != .absent else { return nil }
        let store = hosted(shard)?.store
        let statistics = store?.statistics ?? ShardStatistics()
        var status = ShardStatus(
            shard: shard,
            state: replica.state,
            keys: UInt64(statistics.liveCount),
            bytes: UInt64(statistics.liveBytes),
            markers: UInt64(statistics.markerCount)
        )
        status.waived = replica.waived.keys.sorted()
        if let view = coordinator.servedView(replica) {
            status.epoch = view.epoch
            status.members = view.members
            status.digest = digest(of: shard, cutoff: now)
        }
        if let transition = replica.transition {
            let source = coordinator.source(of: shard)
            status.copiedKeys = UInt64(transition.copiedRecords)
            status.copiedBytes = UInt64(transition.copiedBytes)
            if transition.copyStartedAt > 0 {
                status.copyElapsedMilliseconds = now - min(now, transition.copyStartedAt)
            }
            status.source = source ?? ""
            let content = source.flatMap { transition.answers[$0]?.status }
            status.sourceKeys = content?.keys ?? 0
            status.sourceBytes = content?.bytes ?? 0
            status.awaited = transition.missing
        }
        if replica.isLeaving { status.awaited = coordinator.awaited(replica) }
        return status
    }
}
