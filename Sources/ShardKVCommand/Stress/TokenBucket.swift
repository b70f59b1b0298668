/// Paces requests: `perSecond` on average, up to `burst` at once after a pause. Times in nanoseconds.
struct TokenBucket {
    private let interval: UInt64
    private let burst: UInt64
    /// When the bucket would have been empty; every token moves it one interval on.
    private var emptyAt: UInt64

    /// - Parameters:
    ///   - perSecond: Above 0.
    ///   - burst: At least 1.
    ///   - now: The bucket begins with one token.
    init(perSecond: Double, burst: Int, now: UInt64) {
        precondition(perSecond > 0 && burst >= 1, "a rate above 0 and a burst of at least 1")
        interval = UInt64(max(1, min(1e9 / perSecond, 1e18)))
        self.burst = UInt64(burst)
        emptyAt = now &- min(now, interval)
    }

    /// When the next token is there.
    var nextAt: UInt64 { emptyAt.addingSaturated(interval) }

    /// Takes a token, if there is one.
    mutating func take(now: UInt64) -> Bool {
        let (capacity, overflow) = interval.multipliedReportingOverflow(by: burst)
        let fullAt = overflow ? 0 : now - min(now, capacity)
        emptyAt = max(emptyAt, fullAt)
        guard nextAt <= now else { return false }
        emptyAt += interval
        return true
    }
}
