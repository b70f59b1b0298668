import KVSharding
import KVWire
import Synchronization

/// What a node tells clients about where shards are.
extension Node {
    /// The map in force.
    func shardMap(_ request: GetShardMapRequest) throws(RPCError) -> GetShardMapResponse {
        let (map, epoch) = handover.withLock { ($0.coordinator.map, $0.coordinator.epoch) }
        guard let map else { throw RPCError(.unavailable, "node \(name) has no shard map yet", reason: .notReady) }
        return GetShardMapResponse(json: Array(map.json().utf8), epoch: epoch)
    }

    /// The owners of the request's shard as far as this node knows them; none = it knows nothing.
    func exchangeView(_ request: View) -> View {
        redirect(of: request.shard) ?? View(shard: request.shard, epoch: 0, members: [])
    }
}
