internal import CKeyValueProto
internal import CProtobufC
package import KVCore

package struct GetShardContentsRequest: RequestMessage, ConvertedMessage {
    package typealias Response = GetShardContentsResponse
    package static let method = Method.getShardContents

    package var shard: Int
    /// Empty = from the start; otherwise the page before's `nextPageToken`.
    package var pageToken: [UInt8]
    /// 0 = everything in one response.
    package var maxPageBytes: Int
    package var withMarkers: Bool

    package init(shard: Int, pageToken: [UInt8] = [], maxPageBytes: Int = 0, withMarkers: Bool = false) {
        self.shard = shard
        self.pageToken = pageToken
        self.maxPageBytes = maxPageBytes
        self.withMarkers = withMarkers
    }

    static var unpackC: UnpackFunction<Kv__GetShardContentsRequest> { kv__get_shard_contents_request__unpack }

    init(_ message: Kv__GetShardContentsRequest) {
        self.init(
            shard: Int(message.shard),
            pageToken: Array(message.page_token.view),
            maxPageBytes: Int(message.max_page_bytes),
            withMarkers: message.with_markers != 0
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetShardContentsRequest> {
        let message = builder.make(kv__get_shard_contents_request__init)
        message.pointee.shard = Int32(truncatingIfNeeded: shard)
        message.pointee.page_token = builder.bytes(pageToken)
        message.pointee.max_page_bytes = UInt32(clamping: maxPageBytes)
        message.pointee.with_markers = withMarkers ? 1 : 0
        return message
    }
}

package struct ShardValue: Sendable, Hashable {
    package var key: [UInt8]
    package var value: [UInt8]
    /// 0 = never expires.
    package var ttlMillisecondsRemaining: Int64
    package var version: Version
    package var expiresAt: UInt64
    package var kind: RecordKind

    package init(
        key: [UInt8],
        value: [UInt8],
        ttlMillisecondsRemaining: Int64,
        version: Version,
        expiresAt: UInt64,
        kind: RecordKind
    ) {
        self.key = key
        self.value = value
        self.ttlMillisecondsRemaining = ttlMillisecondsRemaining
        self.version = version
        self.expiresAt = expiresAt
        self.kind = kind
    }

    init(_ message: Kv__GetShardContentsResponse__GetShardValue) {
        self.init(
            key: Array(message.key.view),
            value: Array(message.value.view),
            ttlMillisecondsRemaining: message.ttl_ms_remaining,
            version: Version(time: message.version_time, writer: message.version_writer),
            expiresAt: message.expires_at_ms,
            kind: RecordKind(rawValue: UInt8(truncatingIfNeeded: message.kind.rawValue)) ?? .live
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetShardContentsResponse__GetShardValue> {
        let message = builder.make(kv__get_shard_contents_response__get_shard_value__init)
        message.pointee.key = builder.bytes(key)
        message.pointee.value = builder.bytes(value)
        message.pointee.ttl_ms_remaining = ttlMillisecondsRemaining
        message.pointee.version_time = version.time
        message.pointee.version_writer = version.writer
        message.pointee.expires_at_ms = expiresAt
        message.pointee.kind = Kv__RecordKind(UInt32(kind.rawValue))
        return message
    }
}

package struct GetShardContentsResponse: ConvertedMessage, Hashable {
    package var values: [ShardValue]
    /// Empty = this was the last page.
    package var nextPageToken: [UInt8]

    package init(values: [ShardValue], nextPageToken: [UInt8] = []) {
        self.values = values
        self.nextPageToken = nextPageToken
    }

    static var unpackC: UnpackFunction<Kv__GetShardContentsResponse> { kv__get_shard_contents_response__unpack }

    init(_ message: Kv__GetShardContentsResponse) {
        values = (0..<message.n_values).map { ShardValue(message.values[$0]!.pointee) }
        nextPageToken = Array(message.next_page_token.view)
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetShardContentsResponse> {
        let message = builder.make(kv__get_shard_contents_response__init)
        (message.pointee.n_values, message.pointee.values) = builder.list(values) { $0.message(in: builder) }
        message.pointee.next_page_token = builder.bytes(nextPageToken)
        return message
    }
}
