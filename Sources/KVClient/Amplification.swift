internal import Synchronization

/// A client's `AmplificationBudget`, shared by its callers. A request of theirs costs one atomic addition.
package final class Amplification: Sendable {
    private let requests = Atomic<UInt64>(0)
    private let budget: Mutex<AmplificationBudget>
    private let isLimited: Bool

    /// - Parameter isLimited: false = whoever asks may repeat, to show what the budget is for.
    package init(now: UInt64, isLimited: Bool = true) {
        budget = Mutex(AmplificationBudget(now: now))
        self.isLimited = isLimited
    }

    /// A caller asked for something.
    package func count(_ requests: Int = 1) { self.requests.add(UInt64(requests), ordering: .relaxed) }

    /// Takes one request beyond those, if the budget has one.
    package func take(now: UInt64) -> Bool {
        !isLimited || budget.withLock { $0.take(requests: requests.load(ordering: .relaxed), now: now) }
    }

    /// What is left.
    package func saved(now: UInt64) -> Double {
        budget.withLock { budget in
            budget.earn(requests: requests.load(ordering: .relaxed), now: now)
            return budget.saved
        }
    }
}
