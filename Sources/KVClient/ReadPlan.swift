package import KVWire

/// Decides whom a read asks next, and for how long. No I/O: the driver performs the steps and reports.
///
/// In a round, each replica is asked at most once. A replica's share of the deadline is bounded as long as another
/// one is left to ask; the last may use all that remains. If a replica said that its trouble will pass, or only did not answer
/// in its share, or if the route has changed meanwhile, there is another round after a wait, by the route of then. Times are in milliseconds of one clock.
///
/// To drive it: `next`, and do what it says. After `.ask`, an answer ends the read, an error is told to `failed`; after `.wait`
/// call `beginRound`; then `next` again, until it says `.fail`.
package struct ReadPlan {
    package enum Step: Hashable {
        case ask(node: String, timeoutMilliseconds: UInt32)
        /// Then `beginRound`.
        case wait(milliseconds: UInt64)
        indirect case fail(CallFailure)
    }

    private var candidates: [String]
    private var first: Int
    /// How many of the candidates were asked; those are the ones from `first` on, around the end.
    private var asked = 0
    /// Owners that a server named and that the map does not list.
    private var hinted: [String] = []
    private var round = 0
    private var failures: [CallFailure.Replica] = []
    private var endingError = false
    private var isRerouted = false
    private var isOutOfBudget = false
    private let deadline: UInt64
    private let attemptMilliseconds: UInt64
    private let jitter: Jitter

    /// - Parameters:
    ///   - candidates: the replicas; not empty.
    ///   - first: the index of the one to begin with.
    package init(
        candidates: [String],
        first: Int,
        deadline: UInt64,
        attemptMilliseconds: UInt64,
        jitter: Jitter = .none
    ) {
        self.jitter = jitter
        self.candidates = candidates
        self.first = first
        self.deadline = deadline
        self.attemptMilliseconds = max(1, attemptMilliseconds)
    }

    package mutating func next(now: UInt64) -> Step {
        if endingError || isOutOfBudget || now >= deadline {
            return .fail(.read(failures, isOutOfBudget: isOutOfBudget))
        }
        let left = candidates.count - asked + hinted.count
        guard left > 0 else { return endRound(now: now) }
        let node: String
        if hinted.isEmpty {
            node = candidates[(first + asked) % candidates.count]
            asked += 1
        } else {
            node = hinted.removeFirst()
        }
        let remaining = deadline - now
        let share = left == 1 ? remaining : max(1, min(attemptMilliseconds, remaining / UInt64(left)))
        return .ask(node: node, timeoutMilliseconds: UInt32(clamping: share))
    }

    /// The replica that the last step named failed.
    /// - Parameters:
    ///   - isRerouted: the key's route is not the one of this round any more.
    ///   - mayRepeat: false = the client's budget for repetitions is used up.
    package mutating func failed(_ node: String, _ error: RPCError, isRerouted: Bool = false, mayRepeat: Bool = true) {
        if failures.isEmpty { failures.reserveCapacity(candidates.count) }
        failures.append(CallFailure.Replica(node: node, error: error))
        endingError = error.endsCall
        if isRerouted { self.isRerouted = true }
        isOutOfBudget = !mayRepeat
        for member in error.view?.members ?? [] where !isKnown(member.node) {
            hinted.append(member.node)
        }
    }

    /// The next round, by the newest route.
    package mutating func beginRound(candidates: [String], first: Int) {
        self.candidates = candidates
        self.first = first
        asked = 0
        round += 1
        isRerouted = false
        hinted.removeAll()
        failures.removeAll()
    }

    private func endRound(now: UInt64) -> Step {
        let waits = failures.filter { isRerouted || $0.error.isTransient || $0.error.code == .deadlineExceeded }.map {
            failure in
            RetryWait.milliseconds(after: failure.error, attempt: round, jitter)
        }
        guard let wait = waits.min(), now + wait < deadline else { return .fail(.read(failures)) }
        return .wait(milliseconds: wait)
    }

    private func isKnown(_ node: String) -> Bool {
        candidates.contains(node) || hinted.contains(node) || failures.contains { $0.node == node }
    }
}
