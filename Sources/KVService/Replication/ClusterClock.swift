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

    /// - Parameter wall: this node's own clock.
    func adjusted(_ wall: UInt64) -> UInt64 { wall + aheadMilliseconds.load(ordering: .relaxed) }

    /// This node's own clock.
    func wall(_ adjusted: UInt64) -> UInt64 { adjusted - aheadMilliseconds.load(ordering: .relaxed) }

    /// - Parameter wall: this node's own clock.
    func observe(_ sender: Sender, wall: UInt64) {
        let ahead = sender.wallClock - min(wall, sender.wallClock)
        peers.withLock { peers in
            peers[sender.node] = ahead <= Self.maxAheadMilliseconds ? ahead : 0
            aheadMilliseconds.store(peers.values.max() ?? 0, ordering: .relaxed)
        }
    }
}
