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
        values = (0..<message.n_values).map { index in
            let value = message.values[index]!.pointee
            return ShardValue(
                key: Array(value.key.view),
                value: Array(value.value.view),
                ttlMillisecondsRemaining: value.ttl_ms_remaining,
                version: Version(time: value.version_time, writer: value.version_writer),
                expiresAt: value.expires_at_ms,
                kind: RecordKind(rawValue: UInt8(truncatingIfNeeded: value.kind.rawValue)) ?? .live
            )
        }
        nextPageToken = Array(message.next_page_token.view)
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetShardContentsResponse> {
        let message = builder.make(kv__get_shard_contents_response__init)
        (message.pointee.n_values, message.pointee.values) = builder.list(values) { value in
            let element = builder.make(kv__get_shard_contents_response__get_shard_value__init)
            element.pointee.key = builder.bytes(value.key)
            element.pointee.value = builder.bytes(value.value)
            element.pointee.ttl_ms_remaining = value.ttlMillisecondsRemaining
            element.pointee.version_time = value.version.time
            element.pointee.version_writer = value.version.writer
            element.pointee.expires_at_ms = value.expiresAt
            element.pointee.kind = Kv__RecordKind(UInt32(value.kind.rawValue))
            return element
        }
        message.pointee.next_page_token = builder.bytes(nextPageToken)
        return message
    }
}
