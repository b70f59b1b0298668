import Glibc
import Synchronization

/// The records of one shard, in stripes that are locked one by one.
public final class ShardStore: Sendable {
    package let pool: MemoryPool
    @usableFromInline package let stripeCount: Int
    @usableFromInline nonisolated(unsafe) let stripes: UnsafeMutableRawPointer
    private let keepsMarkersFlag = Atomic<Bool>(false)
    let sweepPosition = Mutex(SweepPosition())
    let releasePosition = Mutex(ScanCursor.start)

    /// An empty store of `stripeCount` stripes (a power of two). It takes 64 bytes a stripe until something is stored.
    package init(pool: MemoryPool, stripeCount: Int) {
        precondition(stripeCount > 0 && stripeCount & (stripeCount - 1) == 0, "stripes are chosen by bits of the hash")
        precondition(MemoryLayout<StripeState>.size <= StripeState.onlyReferenceOffset, "a stripe is one cache line")
        self.pool = pool
        self.stripeCount = stripeCount
        stripes = .allocate(byteCount: stripeCount * StripeState.bytes, alignment: StripeState.bytes)
        for index in 0..<stripeCount {
            let address = stripes + index * StripeState.bytes
            let directory = Stripe.emptyDirectory(address)
            address.initializeMemory(
                as: StripeState.self,
                to: StripeState(directory: directory, allocator: pool.allocator)
            )
        }
    }

    deinit {
        while !release(budget: .max) {}
        stripes.deallocate()
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

    /// While true, sweeping drops no markers: a copy of the shard under way may still need them.
    package var keepsMarkers: Bool {
        get { keepsMarkersFlag.load(ordering: .relaxed) }
        set { keepsMarkersFlag.store(newValue, ordering: .relaxed) }
    }

    /// The store's counters. Each stripe is read at its own moment.
    package var statistics: ShardStatistics {
        var total = ShardStatistics()
        forEachStripe { stripe in
            total.liveCount += stripe.state.pointee.liveCount
            total.markerCount += stripe.state.pointee.markerCount
            total.liveBytes += stripe.state.pointee.liveBytes
        }
        return total
    }

    /// Passes through every stripe's lock once: when it returns, no operation that began before is still running.
    package func fence() {
        forEachStripe { _ in }
    }

    private func forEachStripe(_ body: (Stripe) -> Void) {
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
