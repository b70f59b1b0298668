package import KVWire

/// Is told what a client does, for its metrics. Called by any thread, often.
package protocol ClientObserver: Sendable {
    func answered(_ node: String, _ method: Method, microseconds: UInt64)
    func failed(_ node: String, _ error: RPCError)
    /// A read asked a second replica.
    /// - Parameter won: that one answered first.
    func hedged(won: Bool)
    /// Replicas that a quorum read found behind were written to.
    func repaired(_ count: Int)
}
