/// Which bucket of a store's digests a live record belongs to: the same on every node, whatever the seed of its tables.
///
/// There are two halves of `bucketCount` buckets. Records without a deadline are in the first one, by their key. Those with a
/// deadline are in the second one, by the window of 8.192 s in which it lies: replicas that sweep at different moments
/// differ only in windows near now, which a comparison leaves out.
///
/// Windows go round in a ring of 131 s or more, each with buckets of its own that share out its keys. So what is left out is as
/// little as can be, and moves on with the time: of two comparisons 60 to 70 s apart (with a skew of up to 5 s), each
/// bucket takes part in one at least.
package struct BucketLayout: Equatable {
    let bucketCountLog2: UInt64

    /// How long after its deadline a record may still be live in memory: longer than a sweep takes to meet it.
    private static let sweepMilliseconds: UInt64 = 30_000
    /// The last moments of a record are not worth a repair.
    private static let expiringMilliseconds: UInt64 = 10_000
    private static let windowBits: UInt64 = 13

    /// - Parameter bucketCount: a power of two, 16…65,536.
    init(bucketCount: Int) {
        precondition((16...65_536).contains(bucketCount), "a window's buckets are few, and a ring has many windows")
        precondition(bucketCount & (bucketCount - 1) == 0, "buckets are chosen by bits of a hash")
        self.init(bucketCountLog2: UInt64(bucketCount.trailingZeroBitCount))
    }

    init(bucketCountLog2: UInt64) { self.bucketCountLog2 = bucketCountLog2 }

    /// The `bucketCount` of a store, which all replicas must derive the same: its words take a megabyte for all shards
    /// together, unless these are very many.
    package static func bucketCount(shardCount: Int) -> Int {
        var count = 16
        while count * shardCount < 65_536 { count *= 2 }
        return count
    }

    /// The buckets of both halves.
    var wordCount: Int { 2 << Int(bucketCountLog2) }

    /// The bucket of a live record; `deadline` 0 = none.
    @inline(__always)
    func bucket(_ routingHash: UInt32, deadline: UInt64) -> Int {
        // The routing hashes of one shard share a remainder, which may be that of their lowest bits: they are not used as is.
        let mixed = UInt64(routingHash) &* 0x9E37_79B9_7F4A_7C15
        if deadline == 0 { return Int(truncatingIfNeeded: mixed &>> (64 &- bucketCountLog2)) }
        // In two steps, because a shift by 64 is none.
        let part = (mixed &>> 1) &>> (63 &- partCountLog2)
        return firstBucket(ofWindow: deadline &>> Self.windowBits) | Int(truncatingIfNeeded: part)
    }

    /// The buckets of all windows that a comparison `now` leaves out. `skewMilliseconds` is how far the replicas' clocks may
    /// be from the one that said `now`.
    func nearBuckets(now: UInt64, skewMilliseconds: UInt64) -> [Range<Int>] {
        // Far longer than any ring.
        let skew = min(skewMilliseconds, 1 << 40)
        let (latest, overflow) = now.addingReportingOverflow(Self.expiringMilliseconds + skew)
        let first = (now - min(now, Self.sweepMilliseconds + skew)) >> Self.windowBits
        let last = (overflow ? .max : latest) >> Self.windowBits
        let windowCount = 1 << (bucketCountLog2 - partCountLog2)
        if last - first >= windowCount { return [wordCount / 2..<wordCount] }
        return (first...last).map { window in
            let bucket = firstBucket(ofWindow: window)
            return bucket..<bucket + 1 << partCountLog2
        }
    }

    /// A window has up to 16 buckets, fewer where it takes that to have 64 windows.
    @inline(__always)
    private var partCountLog2: UInt64 { min(4, max(6, bucketCountLog2) &- 6) }

    @inline(__always)
    private func firstBucket(ofWindow window: UInt64) -> Int {
        let half = 1 &<< bucketCountLog2
        return Int(truncatingIfNeeded: half | window &<< partCountLog2 & (half &- 1))
    }
}
