import KVSharding
import KVWire

/// What peers ask of this node.
extension HandoverCoordinator {
    /// A peer is to own shards: it must not miss a write that this node takes as an owner of an older map.
    mutating func prepare(_ request: PrepareRequest, now: UInt64) {
        adopt(request.map, now: now)
        let numShards = map?.numShards ?? 0
        let holdings = request.shards.filter { $0.shard >= 1 && $0.shard <= numShards }.map { entry in
            if !entry.members.contains(node) && request.epoch > max(epoch, promises[entry.shard]?.epoch ?? 0) {
                promises[entry.shard] = Promise(epoch: request.epoch, owners: entry.members)
                lose(entry.shard, request.epoch, entry.members, completeEpoch: epoch)
            }
            guard let shard = shards[entry.shard] else {
                return Holding(shard: entry.shard, state: .absent, completeEpoch: 0, hasData: false)
            }
            return Holding(
                shard: entry.shard,
                state: shard.state,
                completeEpoch: completeEpoch(of: shard),
                hasData: false
            )
        }
        actions.append(.answerPrepare(PrepareResponse(holdings: holdings, map: mark)))
    }

    /// A peer leaves shards, and may drop those that are complete here, its own records included. Whether they are is
    /// certain only of a peer that stopped taking writes for every map up to the offer's before it was copied.
    mutating func offer(_ request: OfferRequest, now: UInt64) {
        adopt(request.map, now: now)
        var confirmed: [Int] = []
        for entry in request.shards {
            guard request.epoch <= epoch, request.node != node, let map,
                entry.shard >= 1 && entry.shard <= map.numShards,
                let shard = shards[entry.shard], shard.state == .serving,
                map.members(of: entry.shard).contains(node)
            else { continue }
            if shard.covered[request.node, default: 0] >= request.epoch {
                confirmed.append(entry.shard)
            } else if shard.inquiries[request.node] == nil {
                update(entry.shard) {
                    $0.inquiries[request.node] = ShardHandover.Inquiry(isLate: false)
                }
            }
        }
        ask(now: now)
        actions.append(.answerOffer(OfferResponse(confirmed: confirmed, map: mark)))
    }
}
