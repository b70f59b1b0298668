import KVCore
package import KVSharding
package import KVWire

/// What a `ReplicationCoordinator` is told.
package enum ReplicationInput: Sendable {
    /// A valid map is in force. Epochs only grow.
    case mapChanged(ShardMap, epoch: UInt64)
    /// Time has passed: expected about every 100 ms.
    case tick
    /// A peer's requests, answered by actions of the same step.
    case exchange(ExchangeRequest)
    case activate(ActivateRequest)
    case compare(CompareRequest)
    /// A client knows a newer view of the shard than this node.
    case inquire(shard: Int, epoch: UInt64)
    /// An operator wants the shard served with whatever there is.
    case proceed(shard: Int)
    /// What became of the call with this token.
    case replied(UInt64, Result<PeerResponse, RPCError>)
    case pullProgressed(UInt64, records: Int, bytes: Int)
    case pullEnded(UInt64, Result<Pull.Achievement, RPCError>)
}

/// What a `ReplicationCoordinator` wants done, in this order.
package enum ReplicationAction: Sendable {
    // On this node, done before anything else happens to it.

    /// Make a store for the shard.
    case host(Int)
    /// Forget the shard's records, and keep an empty store.
    case clear(Int)
    /// Forget the shard's records and its store.
    case drop(Int)
    /// When this is done, no request acts by what held before.
    case publish(Int, Publication)
    /// The answers to the request of this step. What the stores hold is the executor's to fill in, now that the actions
    /// before this one are done.
    case answerExchange(ExchangeResponse)
    case answerActivate(ActivateResponse)
    case answerCompare(CompareResponse)
    case answerProceed(Bool)
    case report(ReplicationEvent)

    // With other nodes, done at leisure.

    /// The executor fills in what the stores hold.
    case send(PeerCall)
    case startPull(Pull)
    case stopPull(UInt64)
}

/// What the rest of the node knows of a shard's state.
package struct Publication: Sendable, Hashable {
    package var access: ShardAccess
    /// The identifier of the view that is served; 0 = none is.
    package var view: UInt64
    /// Where clients are sent that this node refuses.
    package var redirect: View
    /// Markers of deleted and expired keys that are older may be dropped; 0 = none, `.max` = all.
    package var markersDroppableBefore: UInt64
    /// Others are copying what is here, or will.
    package var recordsChanges: Bool
}

/// What an operator may want to know.
package enum ReplicationEvent: Sendable, Hashable {
    /// A map that is not newer than the one in force was ignored.
    case mapIgnored(epoch: UInt64, current: UInt64)
    case joining(shard: Int, epoch: UInt64)
    case recovering(shard: Int, epoch: UInt64)
    case sealed(shard: Int, epoch: UInt64)
    case serving(shard: Int, epoch: UInt64, copiedRecords: Int, copiedBytes: Int)
    /// The shard begins to serve though these nodes, which may hold acknowledged writes, did not answer.
    case waived(shard: Int, unheard: [String])
    case copyFailed(shard: Int, source: String, RPCError)
    case leaving(shard: Int, epoch: UInt64, owners: [String])
    /// All new owners have the shard, the records are freed.
    case handedOver(shard: Int, epoch: UInt64)
    /// No node owns the shard any more, the records are freed.
    case dropped(shard: Int, epoch: UInt64)
    /// A replica lacked records that another one has, and got them.
    case repaired(shard: Int, source: String, records: Int)
    /// What a former owner still held is too old to be merged.
    case lateCopyIgnored(shard: Int, source: String)
    /// The node was silent for so long that the others forgot it: it starts anew.
    case forgotten(shard: Int)
}
