/// What changes from one map to the next. The order of a shard's members does not count.
package struct ShardMapDiff: Sendable, Equatable {
    /// What a change means for one node; shard numbers ascending.
    package struct NodeShards: Sendable, Equatable {
        package var gained: [Int]
        package var lost: [Int]
        package var kept: [Int]

        package init(gained: [Int] = [], lost: [Int] = [], kept: [Int] = []) {
            self.gained = gained
            self.lost = lost
            self.kept = kept
        }
    }

    /// The shards whose set of members differs, ascending.
    package let changedShards: [Int]
    private let byNode: [String: NodeShards]

    /// - Parameter old: nil at the start, when every mapped shard is gained. The maps have the same number of shards.
    package init(from old: ShardMap?, to new: ShardMap) {
        precondition(old == nil || old?.numShards == new.numShards, "numShards never changes")
        var changed: [Int] = []
        var byNode: [String: NodeShards] = [:]
        for shard in new.shards {
            let before = Set(old?.members(of: shard) ?? [])
            let after = Set(new.members(of: shard))
            if before != after { changed.append(shard) }
            for node in after.subtracting(before) { byNode[node, default: NodeShards()].gained.append(shard) }
            for node in before.subtracting(after) { byNode[node, default: NodeShards()].lost.append(shard) }
            for node in after.intersection(before) { byNode[node, default: NodeShards()].kept.append(shard) }
        }
        self.changedShards = changed
        self.byNode = byNode
    }

    /// Nothing gained, lost or kept for a node that neither map gives a shard.
    package func shards(of node: String) -> NodeShards {
        byNode[node] ?? NodeShards()
    }
}
