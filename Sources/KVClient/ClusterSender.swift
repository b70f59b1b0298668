package import KVSharding
package import KVWire

/// What the client asks of its transport beyond sending.
///
/// An error made by the transport has the reason `indeterminate` if the request had left for the node, so that it may have
/// been executed; without it, the request was certainly not.
package protocol ClusterSender: RequestSender {
    /// Where to find the nodes of a new map. What `learn` said before is forgotten.
    func follow(_ map: ShardMap)

    /// Where to find a node that the shard map may not list (any more): an owner that a server named. The shard
    /// map's own addresses win.
    func learn(_ member: View.Member)

    /// `send` for a caller that soon has better to do than to wait for the end: returns `late` when no answer has come after the
    /// patience. May do so at once.
    func attempt(
        _ request: GetRequest,
        to node: String,
        timeoutMilliseconds: UInt32,
        patienceMilliseconds: UInt32
    ) async throws(RPCError) -> Attempt

    /// Returns once the node's HELLO is in; throws UNAVAILABLE or DEADLINE_EXCEEDED.
    func connect(to node: String, timeoutMilliseconds: UInt32) async throws(RPCError)
}

extension ClusterSender {
    package func attempt(
        _ request: GetRequest,
        to node: String,
        timeoutMilliseconds: UInt32,
        patienceMilliseconds: UInt32
    ) async throws(RPCError) -> Attempt {
        .late { start(request, to: node, timeoutMilliseconds: timeoutMilliseconds, $0) }
    }
}
