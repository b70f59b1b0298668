import KVCore

/// Which nodes host which shard. A value of this type is valid: every way to make one checks the rules of
/// docs/shard-map.md and throws all faults it found.
///
/// Shards are numbered 1…`numShards`. A shard may have no node, a node no shard.
package struct ShardMap: Sendable, Equatable {
    package static let maxShards = 1 << 20

    /// The number that the file gives itself, which orders it among other maps.
    package let epoch: UInt64?
    package let numShards: Int
    package let nodes: [String: NodeAddress]
    private let membersByShard: [[String]]

    /// For `ShardMapReader` alone, which has checked the rules.
    init(checkedEpoch epoch: UInt64?, numShards: Int, nodes: [String: NodeAddress], membersByShard: [[String]]) {
        self.epoch = epoch
        self.numShards = numShards
        self.nodes = nodes
        self.membersByShard = membersByShard
    }

    /// The names of the nodes that host a shard, in the file's order; empty = no node.
    package func members(of shard: Int) -> [String] {
        membersByShard[shard - 1]
    }

    /// The shards that a node hosts, ascending; none for a node that the map does not know.
    package func shards(of node: String) -> [Int] {
        nodes[node] == nil ? [] : shards.filter { members(of: $0).contains(node) }
    }

    package var shards: ClosedRange<Int> { 1...numShards }

    /// The names of all nodes, `n2` before `n10`.
    package var nodeNames: [String] { nodes.keys.sorted(by: NaturalOrder.precedes) }

    /// Equal in everything but the epoch.
    package func hasSameContent(as other: ShardMap) -> Bool {
        numShards == other.numShards && nodes == other.nodes && membersByShard == other.membersByShard
    }

    @inlinable
    package func shard(of hash: UInt32) -> Int {
        Int(hash % UInt32(truncatingIfNeeded: numShards)) + 1
    }

    @inlinable
    package func shard(ofKey key: UnsafeRawBufferPointer) -> Int {
        shard(of: RoutingHash.fnv1(key))
    }

    @inlinable
    package func shard(ofKey key: [UInt8]) -> Int {
        key.withUnsafeBytes { shard(ofKey: $0) }
    }
}
