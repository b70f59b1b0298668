internal import CKeyValueProto
internal import KVCore

package struct GetDigestsRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = GetDigestsResponse
    package static let method = Method.getDigests

    package var shard: Int
    /// Records that expire near this time are left out; milliseconds since 1970, 0 = none are.
    package var cutoff: UInt64

    package init(shard: Int, cutoff: UInt64) {
        self.shard = shard
        self.cutoff = cutoff
    }

    static var unpackC: UnpackFunction<Kv__GetDigestsRequest> { kv__get_digests_request__unpack }

    init(_ message: Kv__GetDigestsRequest) {
        self.init(shard: Int(message.shard), cutoff: message.cutoff_ms)
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetDigestsRequest> {
        let message = builder.make(kv__get_digests_request__init)
        message.pointee.shard = Int32(truncatingIfNeeded: shard)
        message.pointee.cutoff_ms = cutoff
        return message
    }
}

package struct GetDigestsResponse: ConvertedMessage, Hashable {
    /// One for each bucket of the shard.
    package var digests: [UInt64]
    /// The answering node's clock before they were read, milliseconds since 1970.
    package var clock: UInt64

    package init(digests: [UInt64], clock: UInt64) {
        self.digests = digests
        self.clock = clock
    }

    static var unpackC: UnpackFunction<Kv__GetDigestsResponse> { kv__get_digests_response__unpack }

    init(_ message: Kv__GetDigestsResponse) {
        digests = [UInt64](littleEndian: message.digests.view)
        clock = message.clock_ms
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetDigestsResponse> {
        let message = builder.make(kv__get_digests_response__init)
        message.pointee.digests = builder.bytes(digests.littleEndianBytes)
        message.pointee.clock_ms = clock
        return message
    }
}

/// Asks for the live records of some buckets, without their values, and for recent markers.
package struct GetVersionsRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = GetShardContentsResponse
    package static let method = Method.getVersions

    package var shard: Int
    /// A bit for each bucket, the least significant of a byte first.
    package var buckets: [UInt8]
    package var pageToken: [UInt8]
    package var maxPageBytes: Int
    /// Also markers of all buckets that came to be at this moment of the recipient's clock or later; 0 = none.
    package var markersSince: UInt64

    package init(shard: Int, buckets: [UInt8], pageToken: [UInt8], maxPageBytes: Int, markersSince: UInt64) {
        self.shard = shard
        self.buckets = buckets
        self.pageToken = pageToken
        self.maxPageBytes = maxPageBytes
        self.markersSince = markersSince
    }

    static var unpackC: UnpackFunction<Kv__GetVersionsRequest> { kv__get_versions_request__unpack }

    init(_ message: Kv__GetVersionsRequest) {
        self.init(
            shard: Int(message.shard),
            buckets: Array(message.buckets.view),
            pageToken: Array(message.page_token.view),
            maxPageBytes: Int(message.max_page_bytes),
            markersSince: message.markers_since_ms
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetVersionsRequest> {
        let message = builder.make(kv__get_versions_request__init)
        message.pointee.shard = Int32(truncatingIfNeeded: shard)
        message.pointee.buckets = builder.bytes(buckets)
        message.pointee.page_token = builder.bytes(pageToken)
        message.pointee.max_page_bytes = UInt32(clamping: maxPageBytes)
        message.pointee.markers_since_ms = markersSince
        return message
    }
}

/// Asks for the records of some keys, markers too; keys without a record are left out of the answer.
package struct GetRecordsRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = GetShardContentsResponse
    package static let method = Method.getRecords

    package var shard: Int
    package var keys: [[UInt8]]
    package var versionsOnly: Bool
    /// The answer ends before it exceeds this, with one record at least.
    package var maxBytes: Int

    package init(shard: Int, keys: [[UInt8]], versionsOnly: Bool, maxBytes: Int) {
        self.shard = shard
        self.keys = keys
        self.versionsOnly = versionsOnly
        self.maxBytes = maxBytes
    }

    static var unpackC: UnpackFunction<Kv__GetRecordsRequest> { kv__get_records_request__unpack }

    init(_ message: Kv__GetRecordsRequest) {
        self.init(
            shard: Int(message.shard),
            keys: (0..<message.n_keys).map { Array(message.keys[$0].view) },
            versionsOnly: message.versions_only != 0,
            maxBytes: Int(message.max_bytes)
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetRecordsRequest> {
        let message = builder.make(kv__get_records_request__init)
        message.pointee.shard = Int32(truncatingIfNeeded: shard)
        (message.pointee.n_keys, message.pointee.keys) = builder.numbers(keys.map(builder.bytes))
        message.pointee.versions_only = versionsOnly ? 1 : 0
        message.pointee.max_bytes = UInt32(clamping: maxBytes)
        return message
    }
}
