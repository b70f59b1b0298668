/// How many requests a client may send beyond those that its callers asked for: a tenth of these, and ten a second at least.
///
/// One bucket for retries, hedges and repairs together, so that what is meant to help one call does not multiply the load of a cluster
/// that is in trouble. Times are in microseconds of one clock.
package struct AmplificationBudget {
    package static let share = 0.1
    package static let floorPerSecond = 10.0
    /// What may be saved up for a moment at which many calls fail at once.
    package static let maxSaved = 100.0

    package private(set) var saved = maxSaved
    private var countedRequests: UInt64 = 0
    private var countedAt: UInt64

    package init(now: UInt64) { countedAt = now }

    /// Takes one, if there is one.
    /// - Parameter requests: how many the callers have asked for, ever.
    package mutating func take(requests: UInt64, now: UInt64) -> Bool {
        earn(requests: requests, now: now)
        guard saved >= 1 else { return false }
        saved -= 1
        return true
    }

    package mutating func earn(requests: UInt64, now: UInt64) {
        let byShare = Double(requests - min(requests, countedRequests)) * Self.share
        let byTime = Double(now - min(now, countedAt)) / 1_000_000 * Self.floorPerSecond
        saved = min(Self.maxSaved, saved + max(byShare, byTime))
        countedRequests = max(countedRequests, requests)
        countedAt = max(countedAt, now)
    }
}
