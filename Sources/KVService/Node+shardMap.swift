import KVSharding
import KVWire

extension Node {
    /// The map in force, for clients that were started with the addresses of servers.
    func shardMap(_ request: GetShardMapRequest) throws(RPCError) -> GetShardMapResponse {
        guard let map else { throw RPCError(.unavailable, "the server has no shard map yet") }
        return GetShardMapResponse(json: Array(map.json().utf8), epoch: mapEpoch)
    }
}
