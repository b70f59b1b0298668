internal import CKeyValueProto
internal import KVCore

/// Asks for what was written lately, without values, markers too.
package struct GetChangesRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = GetChangesResponse
    package static let method = Method.getChanges

    package var shard: Int
    /// `GetChangesResponse.mark` of an earlier answer; empty = some of the newest changes.
    package var since: [UInt8]
    package var pageToken: [UInt8]
    /// 0 = nothing is listed, only a mark is set.
    package var maxPageBytes: Int
    /// The root leaves out records that expire near this time; milliseconds since 1970, 0 = none.
    package var cutoff: UInt64

    package init(shard: Int, since: [UInt8], pageToken: [UInt8], maxPageBytes: Int, cutoff: UInt64) {
        self.shard = shard
        self.since = since
        self.pageToken = pageToken
        self.maxPageBytes = maxPageBytes
        self.cutoff = cutoff
    }

    static var unpackC: UnpackFunction<Kv__GetChangesRequest> { kv__get_changes_request__unpack }

    init(_ message: Kv__GetChangesRequest) {
        self.init(
            shard: Int(message.shard),
            since: Array(message.since.view),
            pageToken: Array(message.page_token.view),
            maxPageBytes: Int(message.max_page_bytes),
            cutoff: message.cutoff_ms
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetChangesRequest> {
        let message = builder.make(kv__get_changes_request__init)
        message.pointee.shard = Int32(truncatingIfNeeded: shard)
        message.pointee.since = builder.bytes(since)
        message.pointee.page_token = builder.bytes(pageToken)
        message.pointee.max_page_bytes = UInt32(clamping: maxPageBytes)
        message.pointee.cutoff_ms = cutoff
        return message
    }
}

package struct GetChangesResponse: ConvertedMessage, Hashable {
    package var values: [ShardValue]
    /// Empty = this was the last page.
    package var nextPageToken: [UInt8]
    /// What is written from now on are the changes since this mark; empty = changes are not recorded. On the first page.
    package var mark: [UInt8]
    /// All changes since the mark of the request have been listed. On the last page.
    package var isComplete: Bool
    /// All digests in one. On the last page.
    package var root: UInt64
    /// The answering node's clock before anything was read, milliseconds since 1970. On the first page.
    package var clock: UInt64

    package init(
        values: [ShardValue] = [],
        nextPageToken: [UInt8] = [],
        mark: [UInt8] = [],
        isComplete: Bool = false,
        root: UInt64 = 0,
        clock: UInt64
    ) {
        self.values = values
        self.nextPageToken = nextPageToken
        self.mark = mark
        self.isComplete = isComplete
        self.root = root
        self.clock = clock
    }

    static var unpackC: UnpackFunction<Kv__GetChangesResponse> { kv__get_changes_response__unpack }

    init(_ message: Kv__GetChangesResponse) {
        self.init(
            values: (0..<message.n_values).map { ShardValue(message.values[$0]!.pointee) },
            nextPageToken: Array(message.next_page_token.view),
            mark: Array(message.mark.view),
            isComplete: message.complete != 0,
            root: message.root,
            clock: message.clock_ms
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetChangesResponse> {
        let message = builder.make(kv__get_changes_response__init)
        (message.pointee.n_values, message.pointee.values) = builder.list(values) { $0.message(in: builder) }
        message.pointee.next_page_token = builder.bytes(nextPageToken)
        message.pointee.mark = builder.bytes(mark)
        message.pointee.complete = isComplete ? 1 : 0
        message.pointee.root = root
        message.pointee.clock_ms = clock
        return message
    }
}
