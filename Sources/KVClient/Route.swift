internal import KVSharding
internal import Synchronization

/// The replicas that a shard's requests go to, and the view that names them. Never changed: a newer view is another route.
package final class Route: Sendable {
    package let shard: Int
    /// The nodes' names; empty = the shard has none.
    package let members: [String]
    /// What writes and quorum reads carry as their `view`: `ViewIdentifier.unknown` until a server told it.
    package let view: UInt64
    /// Whose turn it is, for `RoundRobinBalancer`.
    let turn = Atomic(UInt32.random(in: 0...UInt32.max))

    package init(shard: Int, members: [String], view: UInt64) {
        self.shard = shard
        self.members = members
        self.view = view
    }

    /// To one node, whatever views there are.
    static func only(_ node: String) -> Route {
        Route(shard: 0, members: [node], view: ViewIdentifier.none)
    }

    /// Acknowledgements by one of the two do not count for the other.
    package func differs(from other: Route) -> Bool {
        self !== other && (view != other.view || Set(members) != Set(other.members))
    }
}
