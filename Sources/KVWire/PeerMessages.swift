internal import CKeyValueProto

/// Which map a node follows: its epoch, and a hash of all else in it (0 = unknown).
package struct MapMark: Sendable, Hashable {
    package var epoch: UInt64
    package var fingerprint: UInt64

    package init(epoch: UInt64, fingerprint: UInt64 = 0) {
        self.epoch = epoch
        self.fingerprint = fingerprint
    }
}

/// The owners of a shard at the epoch of the request that carries this.
package struct ShardMembers: Sendable, Hashable {
    package var shard: Int
    package var members: [String]

    package init(shard: Int, members: [String]) {
        self.shard = shard
        self.members = members
    }

    init(_ message: Kv__ShardMembers) {
        shard = Int(message.shard)
        members = (0..<message.n_members).map { String(cString: message.members[$0]!) }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__ShardMembers> {
        let message = builder.make(kv__shard_members__init)
        message.pointee.shard = Int32(truncatingIfNeeded: shard)
        (message.pointee.n_members, message.pointee.members) = builder.list(members, builder.text)
        return message
    }
}

/// "I am to own these shards at `epoch`: take no more writes for those that you leave, and tell what you hold."
package struct PrepareRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = PrepareResponse
    package static let method = Method.prepare

    package var node: String
    package var epoch: UInt64
    package var shards: [ShardMembers]
    /// `ShardMap.fingerprint` of the asking node's map; 0 = unknown.
    package var mapFingerprint: UInt64

    package init(node: String, epoch: UInt64, shards: [ShardMembers], mapFingerprint: UInt64 = 0) {
        self.node = node
        self.epoch = epoch
        self.shards = shards
        self.mapFingerprint = mapFingerprint
    }

    /// The asking node's map.
    package var map: MapMark { MapMark(epoch: epoch, fingerprint: mapFingerprint) }

    static var unpackC: UnpackFunction<Kv__PrepareRequest> { kv__prepare_request__unpack }

    init(_ message: Kv__PrepareRequest) {
        self.init(
            node: String(cString: message.node),
            epoch: message.epoch,
            shards: (0..<message.n_shards).map { ShardMembers(message.shards[$0]!.pointee) },
            mapFingerprint: message.map_fingerprint
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__PrepareRequest> {
        let message = builder.make(kv__prepare_request__init)
        message.pointee.node = builder.text(node)
        message.pointee.epoch = epoch
        message.pointee.map_fingerprint = mapFingerprint
        (message.pointee.n_shards, message.pointee.shards) = builder.list(shards) { $0.message(in: builder) }
        return message
    }
}

/// What a node holds of one shard.
package struct Holding: Sendable, Hashable {
    package var shard: Int
    package var state: ShardState
    /// The epoch at which the node last had a complete copy; 0 = never since it started.
    package var completeEpoch: UInt64
    /// It holds records, complete or not.
    package var hasData: Bool

    package init(shard: Int, state: ShardState, completeEpoch: UInt64, hasData: Bool) {
        self.shard = shard
        self.state = state
        self.completeEpoch = completeEpoch
        self.hasData = hasData
    }
}

package struct PrepareResponse: ConvertedMessage, Hashable {
    package var holdings: [Holding]
    /// The answering node's map.
    package var map: MapMark

    package init(holdings: [Holding], map: MapMark) {
        self.holdings = holdings
        self.map = map
    }

    static var unpackC: UnpackFunction<Kv__PrepareResponse> { kv__prepare_response__unpack }

    init(_ message: Kv__PrepareResponse) {
        self.init(
            holdings: (0..<message.n_holdings).map { index in
                let holding = message.holdings[index]!.pointee
                return Holding(
                    shard: Int(holding.shard),
                    state: ShardState(rawValue: holding.state.rawValue) ?? .absent,
                    completeEpoch: holding.complete_epoch,
                    hasData: holding.has_data != 0
                )
            },
            map: MapMark(epoch: message.epoch, fingerprint: message.map_fingerprint)
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__PrepareResponse> {
        let message = builder.make(kv__prepare_response__init)
        message.pointee.epoch = map.epoch
        message.pointee.map_fingerprint = map.fingerprint
        (message.pointee.n_holdings, message.pointee.holdings) = builder.list(holdings) { holding in
            let element = builder.make(kv__holding__init)
            element.pointee.shard = Int32(truncatingIfNeeded: holding.shard)
            element.pointee.state = Kv__ShardState(holding.state.rawValue)
            element.pointee.complete_epoch = holding.completeEpoch
            element.pointee.has_data = holding.hasData ? 1 : 0
            return element
        }
        return message
    }
}

/// "I no longer own these shards at `epoch`: may I drop them?"
package struct OfferRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = OfferResponse
    package static let method = Method.offer

    package var node: String
    package var epoch: UInt64
    package var shards: [ShardMembers]
    /// The offering node's map, which may be older than `epoch`.
    package var map: MapMark

    package init(node: String, epoch: UInt64, shards: [ShardMembers], map: MapMark = MapMark(epoch: 0)) {
        self.node = node
        self.epoch = epoch
        self.shards = shards
        self.map = map
    }

    static var unpackC: UnpackFunction<Kv__OfferRequest> { kv__offer_request__unpack }

    init(_ message: Kv__OfferRequest) {
        self.init(
            node: String(cString: message.node),
            epoch: message.epoch,
            shards: (0..<message.n_shards).map { ShardMembers(message.shards[$0]!.pointee) },
            map: MapMark(epoch: message.map_epoch, fingerprint: message.map_fingerprint)
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__OfferRequest> {
        let message = builder.make(kv__offer_request__init)
        message.pointee.node = builder.text(node)
        message.pointee.epoch = epoch
        message.pointee.map_epoch = map.epoch
        message.pointee.map_fingerprint = map.fingerprint
        (message.pointee.n_shards, message.pointee.shards) = builder.list(shards) { $0.message(in: builder) }
        return message
    }
}

package struct OfferResponse: ConvertedMessage, Hashable {
    /// The shards of which the answering owner has a complete copy.
    package var confirmed: [Int]
    /// The answering node's map.
    package var map: MapMark

    package init(confirmed: [Int], map: MapMark) {
        self.confirmed = confirmed
        self.map = map
    }

    static var unpackC: UnpackFunction<Kv__OfferResponse> { kv__offer_response__unpack }

    init(_ message: Kv__OfferResponse) {
        self.init(
            confirmed: (0..<message.n_confirmed).map { Int(message.confirmed[$0]) },
            map: MapMark(epoch: message.epoch, fingerprint: message.map_fingerprint)
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__OfferResponse> {
        let message = builder.make(kv__offer_response__init)
        message.pointee.epoch = map.epoch
        message.pointee.map_fingerprint = map.fingerprint
        (message.pointee.n_confirmed, message.pointee.confirmed) = builder.numbers(
            confirmed.map { Int32(truncatingIfNeeded: $0) }
        )
        return message
    }
}
