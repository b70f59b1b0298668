internal import KVSharding
internal import Synchronization

/// The replicas that a shard's requests go to, and the view that names them. Never changed: a newer view is another route.
package final class Route: Sendable {
    package let shard: Int
    /// The nodes' names; empty = the shard has none.
    package let members: [String]
    /// What writes and quorum reads carry as their `view`: `ViewIdentifier.unknown` until a server told it.
    package let view: UInt64
    /// The same nodes' conditions.
    package let nodes: [NodeState]
    /// For balancers: whose turn it is, or the seed of a choice.
    private let turn = Atomic(UInt64.random(in: 0...UInt64.max))

    /// - Parameter nodes: where the members' conditions are kept; nil = nowhere else.
    package init(shard: Int, members: [String], view: UInt64, nodes: NodeTable? = nil) {
        self.shard = shard
        self.members = members
        self.view = view
        self.nodes = members.map { nodes?.state(of: $0) ?? NodeState($0) }
    }

    func nextTurn() -> UInt64 { turn.add(1, ordering: .relaxed).newValue }

    /// To one node, whatever views there are.
    static func only(_ node: String) -> Route {
        Route(shard: 0, members: [node], view: ViewIdentifier.none)
    }

    /// Acknowledgements by one of the two do not count for the other.
    package func differs(from other: Route) -> Bool {
        self !== other && (view != other.view || Set(members) != Set(other.members))
    }
}
