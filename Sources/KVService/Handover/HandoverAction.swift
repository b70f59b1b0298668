package import KVWire

/// What a `HandoverCoordinator` wants done, in this order. A token names a call in the input that reports its outcome.
package enum HandoverAction: Sendable {
    // On this node, done before anything else happens to it.

    /// Host the shard, empty and joining.
    case host(Int)
    /// When this is done, no request acts by the old state any more.
    case setState(Int, ShardState)
    /// Forget the shard's records.
    case clear(Int)
    /// Host the shard no more.
    case drop(Int)
    /// Where clients are sent meanwhile; nil = to the owners in the map.
    case redirect(Int, View?)
    /// The answer to the Prepare of this step. `hasData` of each holding is the executor's to fill in, now that the
    /// actions before this one have stopped the writes.
    case answerPrepare(PrepareResponse)
    case answerOffer(OfferResponse)
    case report(HandoverEvent)

    // To other nodes, done at leisure.

    case sendPrepare(UInt64, to: String, PrepareRequest, timeoutMilliseconds: UInt32)
    case sendOffer(UInt64, to: String, OfferRequest, timeoutMilliseconds: UInt32)
    case fetchPage(UInt64, from: String, GetShardContentsRequest, timeoutMilliseconds: UInt32)
    /// Merge the page that the fetch with this token brought into the shard's store of this moment.
    case mergePage(UInt64, Int)
}

/// What an operator may want to know.
package enum HandoverEvent: Sendable, Hashable {
    /// A map that is not newer than the one in force was ignored.
    case mapIgnored(epoch: UInt64, current: UInt64)
    case joining(shard: Int, epoch: UInt64)
    case serving(shard: Int, epoch: UInt64, copiedRecords: Int, copiedBytes: Int)
    /// The shard begins to serve though these nodes, which may hold records of it, did not answer in time.
    case waived(shard: Int, unheard: [String])
    case copyFailed(shard: Int, source: String, RPCError)
    case leaving(shard: Int, epoch: UInt64, owners: [String])
    /// All new owners confirmed, the records are freed.
    case handedOver(shard: Int, epoch: UInt64)
    /// No node owns the shard any more, the records are freed.
    case dropped(shard: Int, epoch: UInt64)
}
