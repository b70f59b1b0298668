internal import Synchronization

/// Chooses the replica that a read asks first. Failover goes on from there, in the members' order.
package protocol Balancer: Sendable {
    /// An index into `members`, which is not empty.
    func first(of members: [String], shard: Int) -> Int
}

/// Each shard's replicas in turn. Every shard begins at a random one, so that clients which live for one call
/// spread too.
package final class RoundRobinBalancer: Balancer {
    private let counters: Mutex<[UInt32]>

    package init(numShards: Int) {
        counters = Mutex((0..<numShards).map { _ in UInt32.random(in: 0...UInt32.max) })
    }

    package func first(of members: [String], shard: Int) -> Int {
        let count = counters.withLock { counters in
            counters[shard - 1] &+= 1
            return counters[shard - 1]
        }
        return Int(count % UInt32(members.count))
    }
}

package struct RandomBalancer: Balancer {
    package init() {}

    package func first(of members: [String], shard: Int) -> Int {
        Int.random(in: 0..<members.count)
    }
}
