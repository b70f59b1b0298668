import KVWire
import Synchronization

/// The greater of a node's own clock and its peers': what deadlines and versions are judged by, so that a node whose clock is
/// behind returns no value that has expired elsewhere.
package struct ClusterClock: ~Copyable, Sendable {
    /// A peer that is further ahead is wrong.
    private static let maxAheadMilliseconds: UInt64 = 30_000

    private let aheadMilliseconds = Atomic<UInt64>(0)
    private let peers = Mutex<[String: UInt64]>([:])

    package init() {}

    /// One moment by both clocks, in milliseconds since 1970. They are kept together: how far they are apart may change at any time.
    struct Moment {
        /// By the cluster's clock.
        let now: UInt64
        /// By this node's own.
        let wall: UInt64
    }

    /// - Parameter wall: this node's own clock.
    func moment(_ wall: UInt64) -> Moment {
        Moment(now: wall + aheadMilliseconds.load(ordering: .relaxed), wall: wall)
    }

    /// - Parameter wall: this node's own clock, when it heard of the other one's.
    func observe(_ sender: Sender, wall: UInt64) {
        let ahead = sender.wallClock - min(wall, sender.wallClock)
        peers.withLock { peers in
            peers[sender.node] = ahead <= Self.maxAheadMilliseconds ? ahead : 0
            aheadMilliseconds.store(peers.values.max() ?? 0, ordering: .relaxed)
        }
    }
}
