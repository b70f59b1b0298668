package import KVSharding
package import KVWire

/// What a `HandoverCoordinator` is told.
package enum HandoverInput: Sendable {
    /// A valid map is in force. Epochs only grow.
    case mapChanged(ShardMap, epoch: UInt64)
    /// Time has passed: expected about every 100 ms.
    case tick
    /// A peer's request, answered by `HandoverAction.answerPrepare` in the same step.
    case prepare(PrepareRequest)
    /// A peer's request, answered by `HandoverAction.answerOffer` in the same step.
    case offer(OfferRequest)
    /// What became of the call with this token.
    case prepareReply(UInt64, Result<PrepareResponse, RPCError>)
    case offerReply(UInt64, Result<OfferResponse, RPCError>)
    case pageReply(UInt64, Result<PageSummary, RPCError>)
    /// What became of `HandoverAction.mergePage` with this token.
    case pageMerged(UInt64, Result<Void, RPCError>)
}

/// What the coordinator needs to know of a page; its records are the driver's to keep until they are merged.
package struct PageSummary: Sendable, Hashable {
    package var records: Int
    /// Of keys and values.
    package var bytes: Int
    /// Empty = the last page.
    package var nextPageToken: [UInt8]

    package init(records: Int, bytes: Int, nextPageToken: [UInt8]) {
        self.records = records
        self.bytes = bytes
        self.nextPageToken = nextPageToken
    }
}
