import KVCore
import KVStorage

/// A store of numbered keys of 16 bytes with values of 32, as one shard of a node holds them.
struct Table {
    let pool = MemoryPool(hashSeed: 0x5EED)
    let store: ShardStore
    private let value = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 8)
    private let key = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)

    /// As many stripes as the 8 shards of a small node have together.
    init() {
        store = ShardStore(pool: pool, stripeCount: 512, bucketCount: 65_536)
        value.initializeMemory(as: UInt8.self, repeating: 1)
    }

    func free() {
        key.deallocate()
        value.deallocate()
    }

    func set(_ number: Int, time: UInt64, expiresAt: UInt64, now: UInt64) {
        merge(number, kind: .live, value: UnsafeRawBufferPointer(value), time: time, expiresAt: expiresAt, now: now)
    }

    /// What an index that found a passed deadline does to the table.
    func expire(_ number: Int, time: UInt64, expiresAt: UInt64) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        merge(number, kind: .expired, value: nothing, time: time, expiresAt: expiresAt, now: expiresAt)
    }

    func delete(_ number: Int, time: UInt64, now: UInt64) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        merge(number, kind: .deleted, value: nothing, time: time, expiresAt: 0, now: now)
    }

    private func merge(
        _ number: Int,
        kind: RecordKind,
        value: UnsafeRawBufferPointer,
        time: UInt64,
        expiresAt: UInt64,
        now: UInt64
    ) {
        key.storeBytes(of: UInt64(number), as: UInt64.self)
        key.storeBytes(of: ~UInt64(number), toByteOffset: 8, as: UInt64.self)
        let key = UnsafeRawBufferPointer(key)
        let hash = pool.hash(key)
        let stripe = store.stripe(hash)
        stripe.lock()
        let outcome = stripe.merge(
            key: key,
            hash: hash,
            routingHash: RoutingHash.fnv1(key),
            value: value,
            version: Version(time: time, writer: 1),
            expiresAt: expiresAt,
            kind: kind,
            now: now
        )
        stripe.unlock()
        precondition(outcome == .stored, "the benchmark's writes are newer each time")
    }
}

/// The order in which keys are touched: a permutation without memory of its own.
struct KeyOrder {
    let keyCount: Int

    subscript(index: Int) -> Int { index * 7_368_787 % keyCount }
}
