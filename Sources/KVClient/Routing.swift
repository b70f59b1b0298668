internal import KVSharding
internal import KVWire

/// Which nodes a client takes for a shard's owners: those of its map, or those that a server named, which knew better.
struct Routing: Sendable {
    private struct Learned {
        let epoch: UInt64
        let members: [String]
    }

    private(set) var map: ShardMap
    /// The map's epoch; 0 = unknown.
    private var epoch: UInt64
    private var learned: [Int: Learned] = [:]

    init(_ map: ShardMap, epoch: UInt64) {
        self.map = map
        self.epoch = epoch
    }

    func members(ofKey key: [UInt8]) -> (shard: Int, members: [String]) {
        let shard = map.shard(ofKey: key)
        if !learned.isEmpty, let learned = learned[shard] { return (shard, learned.members) }
        return (shard, map.members(of: shard))
    }

    /// What servers said stays in force where it is newer than `map`.
    mutating func follow(_ map: ShardMap, epoch: UInt64) {
        self.map = map
        self.epoch = epoch
        learned = learned.filter { $0.value.epoch > epoch }
    }

    /// Takes over what a server that is not (or no longer) the shard's owner says about it, unless it is older news.
    mutating func learn(from error: RPCError) {
        guard let view = error.view, !view.members.isEmpty, map.shards.contains(view.shard) else { return }
        switch error.reason {
        case .moving, .notHosted, .wrongView: break
        default: return
        }
        let members = view.members.map(\.node)
        guard view.epoch > learned[view.shard]?.epoch ?? epoch || (epoch == 0 && learned[view.shard] == nil) else {
            return
        }
        let isOfMap = Set(members) == Set(map.members(of: view.shard))
        learned[view.shard] = isOfMap ? nil : Learned(epoch: view.epoch, members: members)
    }
}
