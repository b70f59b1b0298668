import Synchronization

/// The memory of one node: every shard's tables and records come out of it, and its limit bounds them all.
public final class MemoryPool: Sendable {
    nonisolated(unsafe) let allocator: Allocator
    @usableFromInline let keyHash: KeyHash

    /// A pool that takes at most about `limitBytes` from the system (0 = no limit). `hashSeed` should be random, so that
    /// nobody can choose keys that collide.
    package convenience init(limitBytes: Int = 0, hashSeed: UInt64) {
        self.init(limitBytes: limitBytes, keyHash: KeyHash(seed: hashSeed))
    }

    init(limitBytes: Int, keyHash: KeyHash) {
        self.keyHash = keyHash
        allocator = Allocator(keyHash: keyHash, limitBytes: limitBytes)
    }

    deinit {
        allocator.destroy()
    }

    /// What the pool holds of the system's memory, in bytes: whole slabs and pages, used or not.
    package var allocatedBytes: Int { allocator.allocatedBytes }

    /// The most that the pool takes from the system, in bytes; 0 = no limit. Lowering it below `allocatedBytes` frees
    /// nothing: it refuses new values until enough is deleted.
    package var limitBytes: Int {
        get { allocator.state.pointee.limitBytes.load(ordering: .relaxed) }
        set { allocator.state.pointee.limitBytes.store(newValue, ordering: .relaxed) }
    }

    /// Decides which memory compaction should free from now on: sweeping moves records out of slabs that are used badly.
    /// To be called now and then; it takes a few microseconds.
    package func planCompaction() { allocator.planCompaction() }

    /// The hash that `ShardStore.stripe` and every call on a `Stripe` expect for `key`.
    @inlinable
    public func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        keyHash(key)
    }
}
