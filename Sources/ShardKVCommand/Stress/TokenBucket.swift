/// Paces requests: `perSecond` on average, up to `burst` at once after a pause. Times in nanoseconds.
struct TokenBucket {
    private let interval: UInt64
    /// How long a full bucket has been filling.
    private let fill: UInt64
    /// When the next token is there.
    private(set) var nextAt: UInt64

    /// - Parameters:
    ///   - perSecond: Above 0.
    ///   - burst: At least 1.
    ///   - now: The bucket begins with one token.
    init(perSecond: Double, burst: Int, now: UInt64) {
        precondition(perSecond > 0 && burst >= 1, "a rate above 0 and a burst of at least 1")
        interval = UInt64(max(1, min(1e9 / perSecond, 1e18)))
        let (fill, overflow) = interval.multipliedReportingOverflow(by: UInt64(burst - 1))
        self.fill = overflow ? .max : fill
        nextAt = now
    }

    /// Takes a token, if there is one.
    mutating func take(now: UInt64) -> Bool {
        // A full bucket does not fill further.
        nextAt = max(nextAt, now - min(now, fill))
        guard nextAt <= now else { return false }
        nextAt = nextAt.addingSaturated(interval)
        return true
    }
}
