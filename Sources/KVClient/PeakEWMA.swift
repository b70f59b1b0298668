/// An average of latencies that rises at once and falls slowly: a node that was slow a moment ago is taken for slow. Without new
/// latencies it falls too, so that a node which is not asked is tried again some day. Times are in microseconds.
package struct PeakEWMA {
    /// After this long without a latency, three eighths are left: a stall of a moment is forgotten within a second or two.
    package static let decayMicroseconds = 250_000.0

    private(set) var peak: Double
    private(set) var updatedAt: UInt64

    package init(peak: Double = 0, updatedAt: UInt64 = 0) {
        self.peak = peak
        self.updatedAt = updatedAt
    }

    /// 0 = there is none yet.
    package func value(now: UInt64) -> Double { peak * weight(now: now) }

    package mutating func observe(_ latency: Double, now: UInt64) {
        let weight = weight(now: now)
        let decayed = peak * weight
        peak = latency >= decayed ? latency : decayed + latency * (1 - weight)
        updatedAt = max(updatedAt, now)
    }

    /// What is left by now of what was seen last: the exponential decay, by the first terms of its series.
    func weight(now: UInt64) -> Double {
        let age = Double(now - min(now, updatedAt)) / Self.decayMicroseconds
        return 1 / (1 + age * (1 + age / 2 * (1 + age / 3 * (1 + age / 4))))
    }
}
