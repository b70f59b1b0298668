import Glibc
import Synchronization

/// The records of one shard, in stripes that are locked one by one.
public final class ShardStore: Sendable {
    package let pool: MemoryPool
    @usableFromInline package let stripeCount: Int
    @usableFromInline nonisolated(unsafe) let stripes: UnsafeMutableRawPointer
    let digests: BucketDigests
    private let markersDroppableBeforeTime = Atomic<UInt64>(.max)
    let sweepPosition = Mutex(SweepPosition())
    let releasePosition = Mutex(ScanCursor.start)
    let changeMarks = Mutex(ChangeMarks())

    /// An empty store of `stripeCount` stripes (a power of two), whose digests have two halves of `bucketCount` words (see
    /// `BucketLayout`). It takes 64 bytes a stripe and 16 bytes a bucket until something is stored.
    package init(pool: MemoryPool, stripeCount: Int, bucketCount: Int) {
        precondition(stripeCount > 0 && stripeCount & (stripeCount - 1) == 0, "stripes are chosen by bits of the hash")
        precondition(MemoryLayout<StripeState>.size <= StripeState.onlyReferenceOffset, "a stripe is one cache line")
        self.pool = pool
        self.stripeCount = stripeCount
        digests = BucketDigests(BucketLayout(bucketCount: bucketCount))
        stripes = .allocate(byteCount: stripeCount * StripeState.bytes, alignment: StripeState.bytes)
        for index in 0..<stripeCount {
            let address = stripes + index * StripeState.bytes
            let directory = Stripe.emptyDirectory(address)
            address.initializeMemory(
                as: StripeState.self,
                to: StripeState(directory: directory, allocator: pool.allocator, digests: digests)
            )
        }
    }

    deinit {
        recordChanges(false)
        while !release(budget: .max) {}
        stripes.deallocate()
        digests.deallocate()
    }

    /// The stripe of a key, by `MemoryPool.hash`.
    @inlinable
    public func stripe(_ hash: UInt64) -> Stripe {
        stripe(at: Int(truncatingIfNeeded: hash) & (stripeCount - 1))
    }

    @inlinable
    func stripe(at index: Int) -> Stripe {
        Stripe(state: (stripes + index * StripeState.bytes).assumingMemoryBound(to: StripeState.self))
    }

    /// Sweeping drops only markers that were born before this, in milliseconds since 1970: replicas, or a copy of the shard
    /// under way, may still need the others. 0 = all stay; `UInt64.max` (as at first) = their age alone decides.
    package var markersDroppableBefore: UInt64 {
        get { markersDroppableBeforeTime.load(ordering: .relaxed) }
        set { markersDroppableBeforeTime.store(newValue, ordering: .relaxed) }
    }

    /// The store's counters. Each stripe is read at its own moment.
    package var statistics: ShardStatistics {
        var total = ShardStatistics()
        forEachStripe { stripe in
            total.liveCount += Int(stripe.state.pointee.liveCount)
            total.markerCount += Int(stripe.state.pointee.markerCount)
            total.liveBytes += stripe.state.pointee.liveBytes
        }
        return total
    }

    /// Passes through every stripe's lock once: when it returns, no operation that began before is still running.
    package func fence() {
        forEachStripe { _ in }
    }

    func forEachStripe(_ body: (Stripe) -> Void) {
        for index in 0..<stripeCount {
            let stripe = stripe(at: index)
            stripe.lock()
            body(stripe)
            stripe.unlock()
        }
    }
}

/// What a store holds.
package struct ShardStatistics: Hashable, Sendable {
    /// Live records, those included whose deadline passed and that no sweep has met yet.
    package var liveCount = 0
    package var markerCount = 0
    /// Key and value bytes of the live records.
    package var liveBytes = 0

    package init() {}
}
