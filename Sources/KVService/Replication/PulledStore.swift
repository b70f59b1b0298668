import KVCore
import KVStorage
import KVWire

/// The store that a pull fills: pinned, so that it lives as long as the pull works on it.
struct PulledStore {
    let store: ShardStore
    let pool: MemoryPool

    /// How far the clocks of nodes may be apart.
    static let skewMilliseconds: UInt64 = 5000

    func digests(cutoff: UInt64) -> [UInt64] {
        store.digests(leavingOutNear: cutoff)
    }

    func root(cutoff: UInt64) -> UInt64 { store.root(cutoff: cutoff) }

    /// The record is newer than what is here.
    func lacks(_ record: ShardValue) -> Bool {
        record.key.withUnsafeBytes { key in
            let hash = pool.hash(key)
            let stripe = store.stripe(hash)
            stripe.lock()
            defer { stripe.unlock() }
            guard let own = stripe.find(key, hash: hash) else { return true }
            if own.version == record.version { return own.kind.rawValue < record.kind.rawValue }
            return own.version < record.version
        }
    }

    /// Keys of live records, and where to go on; nil = those were the last.
    func scanLive(
        _ buckets: BucketSet,
        from cursor: ScanCursor,
        maxVisited: Int,
        _ visit: ([UInt8]) -> Void
    ) -> ScanCursor? {
        store.scan(buckets: buckets, from: cursor, maxBytes: .max, maxVisited: maxVisited) { record in
            visit(Array(record.key))
            return 0
        }
    }

    /// The greatest version of each key stays.
    func merge(_ record: ShardValue, now: UInt64) throws(RPCError) {
        let outcome = record.key.withUnsafeBytes { key in
            record.value.withUnsafeBytes { value in
                let hash = pool.hash(key)
                let stripe = store.stripe(hash)
                stripe.lock()
                defer { stripe.unlock() }
                return stripe.merge(
                    key: key,
                    hash: hash,
                    routingHash: RoutingHash.fnv1(key),
                    value: value,
                    version: record.version,
                    expiresAt: record.expiresAt,
                    kind: record.kind,
                    now: now
                )
            }
        }
        if outcome == .outOfMemory {
            throw RPCError(
                .resourceExhausted,
                "the memory limit of \(pool.limitBytes) bytes is reached",
                reason: .memoryFull
            )
        }
    }
}
