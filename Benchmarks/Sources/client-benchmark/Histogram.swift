/// Counts of durations in logarithmic buckets: 16 to each power of two, so that a percentile is at most 6 % too large.
struct Histogram: Sendable {
    private static let subBits = 4
    private static let subCount = 1 << subBits

    private var counts = [UInt32](repeating: 0, count: 36 * subCount)
    private(set) var count = 0

    mutating func record(nanoseconds: UInt64) {
        counts[Self.bucket(of: nanoseconds)] += 1
        count += 1
    }

    mutating func add(_ other: Histogram) {
        for bucket in counts.indices { counts[bucket] += other.counts[bucket] }
        count += other.count
    }

    /// The duration that `fraction` of the recorded ones do not exceed, in microseconds; 0 if there are none.
    func microseconds(at fraction: Double) -> Double {
        let wanted = Int((fraction * Double(count)).rounded(.up))
        var seen = 0
        for (bucket, count) in counts.enumerated() where count > 0 {
            seen += Int(count)
            if seen >= wanted { return Double(Self.upperBound(of: bucket)) / 1000 }
        }
        return 0
    }

    private static func bucket(of value: UInt64) -> Int {
        guard value >= UInt64(subCount) else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let sub = Int(value >> UInt64(exponent - subBits)) & (subCount - 1)
        return min((exponent - subBits + 1) * subCount + sub, 36 * subCount - 1)
    }

    /// The largest value of a bucket.
    private static func upperBound(of bucket: Int) -> UInt64 {
        guard bucket >= subCount else { return UInt64(bucket) }
        let shift = UInt64(bucket / subCount - 1)
        return (UInt64(subCount + bucket % subCount + 1) << shift) - 1
    }
}
