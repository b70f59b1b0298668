import KVCore

@testable import KVStorage

/// A small seeded generator, so that a failing run can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// A record as plain values, copied out of a table.
struct Record: Hashable {
    var key: [UInt8]
    var value: [UInt8]
    var version: Version
    var expiresAt: UInt64 = 0
    var kind = RecordKind.live
}

extension Record {
    init(_ view: RecordView) {
        self.init(
            key: Array(view.key),
            value: Array(view.value),
            version: view.version,
            expiresAt: view.expiresAt,
            kind: view.kind
        )
    }
}

extension MemoryPool {
    /// A pool whose hashes have only the bits of `mask`: crowded tables with few records.
    convenience init(limitBytes: Int = 0, hashMask: UInt64) {
        self.init(limitBytes: limitBytes, keyHash: KeyHash(seed: 1, mask: hashMask))
    }
}

extension ShardStore {
    convenience init(pool: MemoryPool, stripeCount: Int) {
        self.init(pool: pool, stripeCount: stripeCount, bucketCount: 64)
    }

    @discardableResult
    func merge(_ record: Record, now: UInt64) -> MergeOutcome {
        record.key.withUnsafeBytes { key in
            record.value.withUnsafeBytes { value in
                let hash = pool.hash(key)
                let stripe = stripe(hash)
                stripe.lock()
                defer { stripe.unlock() }
                stripe.prefetchSlot(hash)
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
    }

    func find(_ key: [UInt8]) -> Record? {
        key.withUnsafeBytes { key in
            let hash = pool.hash(key)
            let stripe = stripe(hash)
            stripe.lock()
            defer { stripe.unlock() }
            stripe.prefetchRecord(hash)
            return stripe.find(key, hash: hash).map(Record.init)
        }
    }

    /// Every record, markers included, by key. Later visits of a key replace earlier ones.
    func contents(maxBytes: Int = .max, withMarkers: Bool = true, now: UInt64 = 0) -> [[UInt8]: Record] {
        var all: [[UInt8]: Record] = [:]
        var cursor: ScanCursor? = .start
        while let from = cursor {
            cursor = scan(from: from, maxBytes: maxBytes, withMarkers: withMarkers, now: now) {
                all[Array($0.key)] = Record($0)
            }
        }
        return all
    }

    /// Sweeps to the end of a pass.
    @discardableResult
    func sweepAll(now: UInt64, retention: UInt64 = 60_000) -> SweepResult {
        var total = SweepResult()
        while !total.finishedPass {
            let part = sweep(now: now, markerRetentionMilliseconds: retention, budget: 5_000)
            total.cost += part.cost
            total.expired += part.expired
            total.dropped += part.dropped
            total.moved += part.moved
            total.finishedPass = part.finishedPass
        }
        return total
    }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
