internal import CKeyValueProto

package struct GetStatusRequest: RequestMessage, ConvertedMessage {
    package typealias Response = GetStatusResponse
    package static let method = Method.getStatus

    package init() {}

    static var unpackC: UnpackFunction<Kv__GetStatusRequest> { kv__get_status_request__unpack }
    init(_ message: Kv__GetStatusRequest) {}
    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetStatusRequest> {
        builder.make(kv__get_status_request__init)
    }
}

/// What a node does with a shard.
package enum ShardState: UInt32, Sendable {
    case absent = 0
    /// Copying: stores writes, serves no reads of keys that it has not yet.
    case joining = 1
    case serving = 2
    /// No longer an owner: keeps its data until every new owner has confirmed its copy.
    case leaving = 3
}

package struct ShardStatus: Sendable, Hashable {
    package var shard: Int
    package var state: ShardState
    package var keys: UInt64
    /// Bytes of keys and values.
    package var bytes: UInt64
    package var markers: UInt64
    package var copiedKeys: UInt64 = 0
    package var copiedBytes: UInt64 = 0
    package var source: String = ""
    package var awaited: [String] = []

    package init(shard: Int, state: ShardState, keys: UInt64, bytes: UInt64, markers: UInt64) {
        self.shard = shard
        self.state = state
        self.keys = keys
        self.bytes = bytes
        self.markers = markers
    }
}

package struct GetStatusResponse: ConvertedMessage, Hashable {
    package var node: String
    package var serverVersion: String
    package var mapEpoch: UInt64
    package var shardCount: Int
    package var uptimeMilliseconds: UInt64
    package var memoryBytes: UInt64
    /// 0 = unlimited.
    package var memoryLimitBytes: UInt64
    /// The shards that the node holds in any state.
    package var shards: [ShardStatus]
    /// Why the newest shard map was refused; empty = it is in force.
    package var mapError: String
    package var isDraining: Bool
    /// Shards that began to serve without every old owner's copy.
    package var waivedCopies: UInt64

    package init(
        node: String,
        serverVersion: String,
        mapEpoch: UInt64,
        shardCount: Int,
        uptimeMilliseconds: UInt64,
        memoryBytes: UInt64,
        memoryLimitBytes: UInt64,
        shards: [ShardStatus],
        mapError: String,
        isDraining: Bool,
        waivedCopies: UInt64
    ) {
        self.node = node
        self.serverVersion = serverVersion
        self.mapEpoch = mapEpoch
        self.shardCount = shardCount
        self.uptimeMilliseconds = uptimeMilliseconds
        self.memoryBytes = memoryBytes
        self.memoryLimitBytes = memoryLimitBytes
        self.shards = shards
        self.mapError = mapError
        self.isDraining = isDraining
        self.waivedCopies = waivedCopies
    }

    static var unpackC: UnpackFunction<Kv__GetStatusResponse> { kv__get_status_response__unpack }

    init(_ message: Kv__GetStatusResponse) {
        self.init(
            node: String(cString: message.node),
            serverVersion: String(cString: message.server_version),
            mapEpoch: message.map_epoch,
            shardCount: Int(message.num_shards),
            uptimeMilliseconds: message.uptime_ms,
            memoryBytes: message.memory_bytes,
            memoryLimitBytes: message.memory_limit_bytes,
            shards: (0..<message.n_shards).map { index in
                let shard = message.shards[index]!.pointee
                var status = ShardStatus(
                    shard: Int(shard.shard),
                    state: ShardState(rawValue: shard.state.rawValue) ?? .absent,
                    keys: shard.keys,
                    bytes: shard.bytes,
                    markers: shard.markers
                )
                status.copiedKeys = shard.copied_keys
                status.copiedBytes = shard.copied_bytes
                status.source = String(cString: shard.source)
                status.awaited = (0..<shard.n_awaited).map { String(cString: shard.awaited[$0]!) }
                return status
            },
            mapError: String(cString: message.map_error),
            isDraining: message.draining != 0,
            waivedCopies: message.waived_copies
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetStatusResponse> {
        let message = builder.make(kv__get_status_response__init)
        message.pointee.node = builder.text(node)
        message.pointee.server_version = builder.text(serverVersion)
        message.pointee.map_epoch = mapEpoch
        message.pointee.num_shards = Int32(truncatingIfNeeded: shardCount)
        message.pointee.uptime_ms = uptimeMilliseconds
        message.pointee.memory_bytes = memoryBytes
        message.pointee.memory_limit_bytes = memoryLimitBytes
        message.pointee.map_error = builder.text(mapError)
        message.pointee.draining = isDraining ? 1 : 0
        message.pointee.waived_copies = waivedCopies
        (message.pointee.n_shards, message.pointee.shards) = builder.list(shards) { shard in
            let status = builder.make(kv__shard_status__init)
            status.pointee.shard = Int32(truncatingIfNeeded: shard.shard)
            status.pointee.state = Kv__ShardState(shard.state.rawValue)
            status.pointee.keys = shard.keys
            status.pointee.bytes = shard.bytes
            status.pointee.markers = shard.markers
            status.pointee.copied_keys = shard.copiedKeys
            status.pointee.copied_bytes = shard.copiedBytes
            status.pointee.source = builder.text(shard.source)
            (status.pointee.n_awaited, status.pointee.awaited) = builder.list(shard.awaited, builder.text)
            return status
        }
        return message
    }
}
