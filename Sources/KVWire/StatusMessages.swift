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
    /// To be an owner: copies the shard, answers nothing.
    case joining = 1
    case serving = 2
    /// No longer an owner: keeps its data until every new owner has it.
    case leaving = 3
    /// Started with empty memory where it may have acknowledged writes: copies from the other replicas.
    case recovering = 4
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
    /// Leaving: the new owners that have not confirmed yet. Joining, recovering: the nodes whose answers are missing.
    package var awaited: [String] = []
    /// The view that the node serves the shard by; epoch 0 = it does not.
    package var epoch: UInt64 = 0
    package var members: [View.Member] = []
    /// What the source holds; 0 = unknown.
    package var sourceKeys: UInt64 = 0
    package var sourceBytes: UInt64 = 0
    /// How long it has been copying; 0 = it is not.
    package var copyElapsedMilliseconds: UInt64 = 0
    /// Of the live records that do not expire within seconds.
    package var digest: UInt64 = 0
    /// Nodes that may hold acknowledged writes and were not waited for any longer.
    package var waived: [String] = []

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
    /// How often a shard began to serve without the answers that make sure that nothing acknowledged is missing.
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
                status.epoch = shard.epoch
                status.members = (0..<shard.n_members).map { View.Member(shard.members[$0]!.pointee) }
                status.sourceKeys = shard.source_keys
                status.sourceBytes = shard.source_bytes
                status.copyElapsedMilliseconds = shard.copy_elapsed_ms
                status.digest = shard.digest
                status.waived = (0..<shard.n_waived).map { String(cString: shard.waived[$0]!) }
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
            status.pointee.epoch = shard.epoch
            (status.pointee.n_members, status.pointee.members) = builder.list(shard.members) {
                $0.message(in: builder)
            }
            status.pointee.source_keys = shard.sourceKeys
            status.pointee.source_bytes = shard.sourceBytes
            status.pointee.copy_elapsed_ms = shard.copyElapsedMilliseconds
            status.pointee.digest = shard.digest
            (status.pointee.n_waived, status.pointee.waived) = builder.list(shard.waived, builder.text)
            return status
        }
        return message
    }
}
