/// Chooses the replica that a read asks first.
package protocol Balancer: Sendable {
    /// An index into `nodes`, which is not empty and are the route's or a part of them.
    /// - Parameter now: in microseconds.
    func first(of nodes: [NodeState], route: Route, now: UInt64) -> Int
}

/// Each shard's replicas in turn. Every shard begins at a random one, so that clients which live for one call
/// spread too.
package struct RoundRobinBalancer: Balancer {
    package init() {}

    package func first(of nodes: [NodeState], route: Route, now: UInt64) -> Int {
        Int(truncatingIfNeeded: route.nextTurn() % UInt64(nodes.count))
    }
}

package struct RandomBalancer: Balancer {
    package init() {}

    package func first(of nodes: [NodeState], route: Route, now: UInt64) -> Int {
        Int(RandomBalancer.mixed(route.nextTurn()) % UInt64(nodes.count))
    }

    /// Turns consecutive numbers into numbers that look random: an own generator, since the system's costs a system call.
    static func mixed(_ number: UInt64) -> UInt64 {
        var word = number &* 0x9e37_79b9_7f4a_7c15
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return (word ^ (word >> 31)) >> 8
    }
}

/// The less busy of two random replicas. To take the least busy of all would send all callers to the same one until they notice;
/// two random ones spread them, and avoid a slow replica nearly as well.
package struct LeastCostBalancer: Balancer {
    package init() {}

    package func first(of nodes: [NodeState], route: Route, now: UInt64) -> Int {
        if nodes.count == 1 { return 0 }
        let random = RandomBalancer.mixed(route.nextTurn())
        let first = Int(random % UInt64(nodes.count))
        var second = Int((random >> 24) % UInt64(nodes.count - 1))
        if second >= first { second += 1 }
        return nodes[second].cost(now: now) < nodes[first].cost(now: now) ? second : first
    }
}
