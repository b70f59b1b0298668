internal import Synchronization

/// Chooses the replica that a read asks first. Failover goes on from there, in the members' order.
package protocol Balancer: Sendable {
    /// An index into `members`, which is not empty and are the route's or a part of them.
    func first(of members: [String], route: Route) -> Int
}

/// Each shard's replicas in turn. Every shard begins at a random one, so that clients which live for one call
/// spread too.
package struct RoundRobinBalancer: Balancer {
    package init() {}

    package func first(of members: [String], route: Route) -> Int {
        Int(route.turn.add(1, ordering: .relaxed).newValue % UInt32(members.count))
    }
}

package struct RandomBalancer: Balancer {
    package init() {}

    package func first(of members: [String], route: Route) -> Int {
        Int.random(in: 0..<members.count)
    }
}
