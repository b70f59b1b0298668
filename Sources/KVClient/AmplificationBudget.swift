/// How many requests a client may send beyond those that its callers asked for: a tenth of these, and ten a second at least.
///
/// One bucket for retries, hedges and repairs together, so that what is meant to help one call does not multiply the load of a cluster
/// that is in trouble. What was saved up before is lent: where it is used up, as much is earned back before there is more, so
/// that a trouble that goes on gets a tenth of its own requests, and no more. Times are in microseconds of one clock.
package struct AmplificationBudget {
    package static let share = 0.1
    package static let floorPerSecond = 10.0
    /// What may be saved up for a moment at which many calls fail at once.
    package static let maxSaved = 100.0
    /// The floor is for those that ask for little in all of a second, not in the moment between two requests.
    private static let windowMicroseconds: UInt64 = 1_000_000

    /// Below 0 = what is to be earned back.
    private var balance = maxSaved
    /// The most that there was since it was used up.
    private var lent = maxSaved
    private var windowRequests: UInt64 = 0
    private var windowBegin: UInt64
    private var earnedInWindow = 0.0

    package init(now: UInt64) { windowBegin = now }

    package var saved: Double { max(0, balance) }

    /// Takes one, if there is one.
    /// - Parameter requests: how many the callers have asked for, ever.
    package mutating func take(requests: UInt64, now: UInt64) -> Bool {
        earn(requests: requests, now: now)
        guard balance >= 1 else { return false }
        balance -= 1
        if balance < 1 {
            balance -= lent - 1
            lent = 0
        }
        return true
    }

    package mutating func earn(requests: UInt64, now: UInt64) {
        let byShare = Double(requests - min(requests, windowRequests)) * Self.share
        let elapsed = now - min(now, windowBegin)
        let earned = max(byShare, Double(elapsed) / 1_000_000 * Self.floorPerSecond, earnedInWindow)
        balance = min(Self.maxSaved, balance + earned - earnedInWindow)
        lent = max(lent, balance, 1)
        earnedInWindow = earned
        guard elapsed >= Self.windowMicroseconds else { return }
        windowBegin = now
        windowRequests = max(windowRequests, requests)
        earnedInWindow = 0
    }
}
