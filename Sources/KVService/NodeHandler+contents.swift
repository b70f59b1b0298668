import KVCore
import KVStorage
import KVWire

extension NodeHandler {
    /// A larger page would hold up the requests behind it.
    private static let maxPageBytes = 4 << 20

    /// Answers one page of a shard's records, or all of them.
    func contents(
        _ request: GetShardContentsRequest,
        _ requestID: UInt32,
        now: UInt64,
        _ output: OutputBuffer
    ) throws(RPCError) {
        let generation = node.generation(of: request.shard)
        let word = node.isShard(request.shard) ? node.table[request.shard] : .absent
        guard let store = word.store?.takeUnretainedValue() else {
            throw Refusal.notHosted(shard: request.shard).error(method: .getShardContents, node: node, now: now)
        }
        // What a shard holds while it is copied is of use only to those that merge it with other copies.
        if !word.isOpen && !word.isReadOnly && !request.withMarkers {
            throw Refusal.notReady(shard: request.shard).error(method: .getShardContents, node: node, now: now)
        }
        let cursor = try cursor(request.pageToken, of: request.shard, generation: generation)

        func write(maxBytes: Int) -> Bool {
            var page = ContentsPage(to: output, maxPayloadBytes: node.limits.maxPayloadBytes)
            let next = store.scan(from: cursor, maxBytes: maxBytes, withMarkers: request.withMarkers, now: now) {
                page.append(
                    key: $0.key,
                    value: $0.value,
                    version: $0.version,
                    expiresAt: $0.expiresAt,
                    kind: $0.kind,
                    now: now
                )
            }
            if page.isTooLarge {
                page.discard()
                return false
            }
            let token = next.map { PageToken(incarnation: node.incarnation, store: generation, cursor: $0) }
            page.finish(requestID, nextPageToken: token?.bytes ?? [], load: writer.takeLoad())
            return true
        }

        if request.maxPageBytes == 0 {
            if write(maxBytes: .max) { return }
            throw RPCError(
                .resourceExhausted,
                "shard \(request.shard) is larger than a response can be "
                    + "(\(node.limits.maxPayloadBytes) bytes): ask for it in pages (max_page_bytes)",
                reason: .tooLarge
            )
        }
        // A page ends with the record that fills it: where that is a very large one, it gets a page of its own.
        if write(maxBytes: min(request.maxPageBytes, Self.maxPageBytes)) || write(maxBytes: 1) { return }
        throw RPCError(.internal, "a record of shard \(request.shard) is larger than a response can be")
    }

    /// Where a page begins.
    func cursor(_ pageToken: [UInt8], of shard: Int, generation: UInt64) throws(RPCError) -> ScanCursor {
        if pageToken.isEmpty { return .start }
        guard let token = PageToken(pageToken) else {
            throw RPCError(.invalidArgument, "the page token is none that a server gave")
        }
        guard token.incarnation == node.incarnation && token.store == generation else {
            throw RPCError(
                .failedPrecondition,
                "the page token is of an earlier copy of shard \(shard): begin again",
                reason: .stalePage
            )
        }
        return token.cursor
    }
}
