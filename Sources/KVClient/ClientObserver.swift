package import KVWire

/// Is told what a client does, for its metrics. Called by any thread, often.
package protocol ClientObserver: Sendable {
    /// A request is about to leave for a node: the first of a call, or one more.
    func asked(_ node: String, _ method: Method)
    func answered(_ node: String, _ method: Method, microseconds: UInt64)
    func failed(_ node: String, _ error: RPCError)
    /// A read asked a second replica because the first took unusually long.
    func hedged()
    /// Of a read of one replica that was hedged: the second replica answered first.
    func hedgeWon()
    /// Replicas that a quorum read found behind were written to.
    func repaired(_ count: Int)
    /// Reads leave the node out from now on, or no longer.
    func ejected(_ node: String)
    func returned(_ node: String)
    /// A call wanted to repeat something.
    /// - Parameters:
    ///   - isAllowed: the budget for repetitions had one left.
    ///   - left: what it has now.
    func wantedToRepeat(isAllowed: Bool, left: Double)
}
