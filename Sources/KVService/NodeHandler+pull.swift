import KVCore
import KVStorage
import KVWire

/// What other nodes ask to find out, and to get, what they lack.
extension NodeHandler {
    /// What looking at a slot costs, in bytes of a page: requests behind a search wait no longer than for a page of contents.
    static let bytesPerSlot = 16
    private static let maxPullBytes = 4 << 20
    /// What a record takes in a message beside its key and value, at the most.
    private static let recordOverheadBytes = 64

    func digests(_ request: GetDigestsRequest, now: UInt64) throws(RPCError) -> GetDigestsResponse {
        let store = try pulled(request.shard, method: .getDigests, now: now).store
        let digests = store.digests(leavingOutNear: request.cutoff)
        return GetDigestsResponse(digests: digests, clock: now)
    }

    func versions(_ request: GetVersionsRequest, now: UInt64) throws(RPCError) -> GetShardContentsResponse {
        let (store, generation) = try pulled(request.shard, method: .getVersions, now: now)
        let cursor = try cursor(request.pageToken, of: request.shard, generation: generation)
        let maxBytes = min(request.maxPageBytes, Self.maxPullBytes)
        var values: [ShardValue] = []
        let next = store.scan(
            buckets: BucketSet(bytes: request.buckets),
            markersSince: request.markersSince,
            from: cursor,
            maxBytes: maxBytes,
            maxVisited: max(1, maxBytes / Self.bytesPerSlot)
        ) { record in
            values.append(Self.value(of: record, withValue: false, now: now))
            return record.key.count + Self.recordOverheadBytes
        }
        let token = next.map { PageToken(incarnation: node.incarnation, store: generation, cursor: $0) }
        return GetShardContentsResponse(values: values, nextPageToken: token?.bytes ?? [])
    }

    func records(_ request: GetRecordsRequest, now: UInt64) throws(RPCError) -> GetShardContentsResponse {
        let store = try pulled(request.shard, method: .getRecords, now: now).store
        let maxBytes = min(request.maxBytes, Self.maxPullBytes)
        var values: [ShardValue] = []
        var bytes = 0
        for key in request.keys {
            let value = key.withUnsafeBytes { key -> ShardValue? in
                let hash = node.pool.hash(key)
                let stripe = store.stripe(hash)
                stripe.lock()
                defer { stripe.unlock() }
                return stripe.find(key, hash: hash).map {
                    Self.value(of: $0, withValue: !request.versionsOnly, now: now)
                }
            }
            guard let value else { continue }
            bytes += value.key.count + value.value.count + Self.recordOverheadBytes
            if bytes > maxBytes && !values.isEmpty {
                return GetShardContentsResponse(values: values, nextPageToken: values[values.count - 1].key)
            }
            values.append(value)
        }
        return GetShardContentsResponse(values: values)
    }

    func changes(_ request: GetChangesRequest, now: UInt64) throws(RPCError) -> GetChangesResponse {
        let (store, generation) = try pulled(request.shard, method: .getChanges, now: now)
        let cursor = try cursor(request.pageToken, of: request.shard, generation: generation)
        func token(_ cursor: ScanCursor) -> [UInt8] {
            PageToken(incarnation: node.incarnation, store: generation, cursor: cursor).bytes
        }
        var response = GetChangesResponse(clock: now)
        if request.pageToken.isEmpty, let mark = store.markChanges() {
            response.mark = token(ScanCursor(stripe: 0, position: mark))
        }
        if request.maxPageBytes == 0 { return response }
        // A mark of another store is none.
        let known = PageToken(request.since).flatMap { token in
            token.incarnation == node.incarnation && token.store == generation ? token.cursor.position : nil
        }
        let mark = known.flatMap { store.hasAllChanges(since: $0) ? $0 : nil }
        let maxBytes = min(request.maxPageBytes, Self.maxPullBytes)
        let next = store.scanChanges(
            since: mark,
            from: cursor,
            maxBytes: maxBytes,
            maxVisited: max(1, maxBytes / Self.bytesPerSlot)
        ) { record in
            response.values.append(Self.value(of: record, withValue: false, now: now))
            return record.key.count + Self.recordOverheadBytes
        }
        if let next {
            response.nextPageToken = token(next)
        } else {
            response.isComplete = mark.map(store.hasAllChanges) ?? false
            response.root = store.root(cutoff: request.cutoff)
        }
        return response
    }

    /// The store of a shard in whatever state, and which of the shard's stores it is.
    private func pulled(
        _ shard: Int,
        method: Method,
        now: UInt64
    ) throws(RPCError) -> (store: ShardStore, generation: UInt64) {
        let generation = node.generation(of: shard)
        guard node.isShard(shard), let store = node.table[shard].store?.takeUnretainedValue() else {
            throw Refusal.notHosted(shard: shard).error(method: method, node: node, now: now)
        }
        return (store, generation)
    }

    /// A copy of a record; a live one whose deadline has passed is shown as expired.
    private static func value(of record: RecordView, withValue: Bool, now: UInt64) -> ShardValue {
        let isExpired = record.kind == .live && TimeToLive.isExpired(deadline: record.expiresAt, now: now)
        return ShardValue(
            key: Array(record.key),
            value: withValue && !isExpired ? Array(record.value) : [],
            ttlMillisecondsRemaining: 0,
            version: record.version,
            expiresAt: record.expiresAt,
            kind: isExpired ? .expired : record.kind
        )
    }
}
