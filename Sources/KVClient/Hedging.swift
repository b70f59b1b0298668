internal import Synchronization

/// When hedged reads ask a second replica: after what 95 of 100 reads take, and never later than a given time.
final class Hedging: Sendable {
    private let longestMilliseconds: UInt64
    private let quantile = Atomic<UInt64>(0)

    init(longestMilliseconds: UInt64) { self.longestMilliseconds = longestMilliseconds }

    /// How long a read waits before it is hedged, at least a millisecond.
    var delayMilliseconds: UInt64 {
        let seen = quantile.load(ordering: .relaxed)
        return seen == 0 ? longestMilliseconds : max(1, min((seen + 999) / 1000, longestMilliseconds))
    }

    /// A read took so long.
    func observe(_ microseconds: UInt64) {
        let seen = quantile.load(ordering: .relaxed)
        quantile.store(Self.next(seen, microseconds), ordering: .relaxed)
    }

    /// Moves an estimate of the 95th percentile towards it: up as often as a value is above it, in steps 19 times as long
    /// as those down.
    static func next(_ estimate: UInt64, _ value: UInt64) -> UInt64 {
        if estimate == 0 { return max(1, value) }
        let step = max(1, estimate / 512)
        return value > estimate ? estimate + 19 * step : estimate - min(step, estimate - 1)
    }
}
