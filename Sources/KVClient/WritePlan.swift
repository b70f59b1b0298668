package import KVCore
package import KVWire

/// Decides how a write reaches the replicas. No I/O: the driver performs the actions and reports each one's end, at most once,
/// in any order.
///
/// A phase sends one version to all members of one route at once and is over when as many of them as the level asks for
/// have taken it. A replica that could not be reached, or said that its trouble will pass, is asked again after a wait, within
/// the deadline and with the same version, which makes it harmless if it was executed before. If the route has changed
/// by then, or a replica's error changed it, a phase begins anew on the new route; what was acknowledged by another view does
/// not count. A stamp that was refused is replaced once, one that was superseded once for each replica that says so;
/// that begins a phase too. Times are in milliseconds of one clock.
///
/// To drive it: `begin`, then perform what the step says. After `.send`, call `acknowledged` or `failed`; after `.wait`,
/// `waited`; `.tell` needs no report. When the route has changed from outside, `rerouted`. On `.restamp` stamp anew and
/// `begin`. Each of them returns the next step; `.done` and `.fail` are the last, but a write that is done with `isPending` may be
/// brought to the other replicas too: call `goOn`, then report as before until `isPending` is false.
package struct WritePlan {
    package enum Action: Hashable {
        case send(node: String, phase: Int, timeoutMilliseconds: UInt32)
        case wait(node: String, phase: Int, milliseconds: UInt64)
        /// The node's view is older than the client's: send it the client's (`ExchangeView`), and learn from the answer.
        case tell(node: String)
    }

    package enum Restamp: Hashable {
        /// Another writer's version was in place: stamp above it.
        case superseded(Version)
        /// The node refused the stamp; it told its time (0 = it did not).
        case refused(node: String, serverMilliseconds: UInt64)
    }

    package enum Step: Hashable {
        case perform([Action])
        /// Stamp anew, then `begin`.
        case restamp(Restamp)
        case done
        indirect case fail(CallFailure)
    }

    private enum Outcome {
        case pending
        case acknowledged
        case failed(RPCError)
    }

    private struct Replica {
        let node: String
        var outcome = Outcome.pending
        /// An attempt is under way.
        var isAsked = false
        /// An attempt left for the node, or may have, and was not answered.
        var mayHaveExecuted = false
        /// Why it is asked again.
        var lastError: RPCError?

        init(_ node: String) { self.node = node }
    }

    /// More phases than views and stamps give cause for wait like failures do, so that servers which contradict each other are
    /// not asked in a tight loop.
    private static let maxPhasesAtOnce = 8

    private var replicas: [Replica] = []
    private var route: Route?
    package private(set) var phase = 0
    private let level: ConsistencyLevel
    private let deadline: UInt64
    private let retries: Bool
    private let jitter: Jitter
    private var isOutOfBudget = false
    private var waits = 0
    private var superseding: Set<String> = []
    private var wasRefused = false
    /// The level was reached; what is left is a service to the other replicas.
    private var isDone = false
    /// A replica of an earlier phase took the write, or may have.
    private var mayHaveExecutedBefore = false

    /// - Parameter retries: false = a replica's first error is final; only a stamp is replaced.
    package init(level: ConsistencyLevel = .all, deadline: UInt64, retries: Bool = true, jitter: Jitter = .none) {
        self.jitter = jitter
        self.level = level
        self.deadline = deadline
        self.retries = retries
    }

    /// The view that the phase's requests carry.
    package var view: UInt64 { route?.view ?? 0 }
    /// The shard whose view it is.
    package var shard: Int { route?.shard ?? 0 }

    /// How many acknowledgements are missing to the level.
    package var missing: Int {
        max(0, level.count(of: replicas.count) - acknowledgedCount)
    }

    /// Replicas of the phase have neither taken the write nor failed for good.
    package var isPending: Bool {
        replicas.contains { if case .pending = $0.outcome { true } else { false } }
    }

    /// Begins a phase.
    /// - Parameter route: with at least one member.
    package mutating func begin(_ route: Route, now: UInt64) -> Step {
        for replica in replicas {
            if case .acknowledged = replica.outcome { mayHaveExecutedBefore = true }
            if replica.mayHaveExecuted || replica.isAsked { mayHaveExecutedBefore = true }
        }
        phase += 1
        self.route = route
        replicas = route.members.map { Replica($0) }
        guard now < deadline else { return .fail(outOfTime()) }
        return .perform(replicas.indices.map { send($0, now: now) })
    }

    /// After `done`: the others are to have the write too, if they can.
    package mutating func goOn() { isDone = true }

    /// A `send` was answered.
    package mutating func acknowledged(node: String, phase: Int, _ response: MutationResponse) -> Step {
        guard phase == self.phase, let index = replicas.firstIndex(where: { $0.node == node }) else {
            mayHaveExecutedBefore = true
            return .perform([])
        }
        replicas[index].isAsked = false
        replicas[index].outcome = .acknowledged
        // What a replica tells the second time was written after this call began, and may well win.
        if !response.superseded.isNone, !isDone, superseding.insert(node).inserted {
            return .restamp(.superseded(response.superseded))
        }
        return settle()
    }

    /// A `send` failed.
    /// - Parameters:
    ///   - lesson: what the error's view was to the routing, which has learned it.
    ///   - route: the shard's route by now.
    ///   - mayRepeat: whether the client's budget for repetitions has one for this; asked only if it would be one.
    package mutating func failed(
        node: String,
        phase: Int,
        _ error: RPCError,
        lesson: Routing.Lesson = .nothing,
        route: Route,
        now: UInt64,
        mayRepeat: () -> Bool = { true }
    ) -> Step {
        guard phase == self.phase, let index = replicas.firstIndex(where: { $0.node == node }) else {
            if error.mayHaveExecuted { mayHaveExecutedBefore = true }
            return .perform([])
        }
        replicas[index].isAsked = false
        if error.mayHaveExecuted { replicas[index].mayHaveExecuted = true }
        replicas[index].lastError = error
        if error.refusesStamp, !wasRefused, !isDone {
            wasRefused = true
            return .restamp(.refused(node: node, serverMilliseconds: error.serverTimeMilliseconds))
        }
        if isRerouted(route), lesson == .news, self.phase < Self.maxPhasesAtOnce { return begin(route, now: now) }
        guard retries, error.isTransient || error.code == .unavailable, !(isDone && isRerouted(route)) else {
            replicas[index].outcome = .failed(error)
            return settle()
        }
        let wait = RetryWait.milliseconds(after: error, attempt: waits, jitter)
        waits += 1
        guard now + wait < deadline else {
            replicas[index].outcome = .failed(error)
            return settle()
        }
        guard error.isRedirect || error.isUnsent || mayRepeat() else {
            isOutOfBudget = true
            replicas[index].outcome = .failed(error)
            return settle()
        }
        let again = Action.wait(node: node, phase: self.phase, milliseconds: wait)
        return .perform(lesson == .outdated ? [.tell(node: node), again] : [again])
    }

    /// A `wait` ended.
    /// - Parameter route: the shard's by now.
    package mutating func waited(node: String, phase: Int, route: Route, now: UInt64) -> Step {
        guard phase == self.phase, let index = replicas.firstIndex(where: { $0.node == node }) else {
            return .perform([])
        }
        if isRerouted(route) && !isDone { return begin(route, now: now) }
        guard now < deadline else {
            if !isDone { return .fail(outOfTime()) }
            replicas[index].outcome = .failed(Self.outOfTimeError)
            return settle()
        }
        return .perform([send(index, now: now)])
    }

    /// The route may have changed; a replica that is not on it any more is not waited for.
    package mutating func rerouted(_ route: Route, now: UInt64) -> Step {
        isRerouted(route) && !isDone ? begin(route, now: now) : .perform([])
    }

    /// What the caller is told if the call ends now, whatever is still pending.
    package func abandoned(_ error: RPCError) -> CallFailure {
        failure(pending: error)
    }

    private func isRerouted(_ route: Route) -> Bool {
        guard retries, let current = self.route else { return false }
        return route.differs(from: current)
    }

    private mutating func send(_ index: Int, now: UInt64) -> Action {
        replicas[index].isAsked = true
        return .send(node: replicas[index].node, phase: phase, timeoutMilliseconds: UInt32(clamping: deadline - now))
    }

    private var acknowledgedCount: Int {
        replicas.count { if case .acknowledged = $0.outcome { true } else { false } }
    }

    private func settle() -> Step {
        if !isDone, missing == 0 { return .done }
        if isPending { return .perform([]) }
        return missing == 0 ? .done : .fail(failure(pending: nil))
    }

    private static let outOfTimeError = RPCError(.deadlineExceeded, "the deadline passed")

    private func outOfTime() -> CallFailure { failure(pending: Self.outOfTimeError) }

    /// - Parameter pending: what became of those that have not ended.
    private func failure(pending: RPCError?) -> CallFailure {
        var failed: [CallFailure.Replica] = []
        var acknowledged: [String] = []
        for replica in replicas {
            switch replica.outcome {
            case .acknowledged: acknowledged.append(replica.node)
            case .failed(let error): failed.append(CallFailure.Replica(node: replica.node, error: error))
            case .pending:
                if let pending {
                    let error = pending.code == .deadlineExceeded ? replica.lastError ?? pending : pending
                    failed.append(CallFailure.Replica(node: replica.node, error: error))
                }
            }
        }
        return .write(
            failed,
            acknowledged: acknowledged,
            mayHaveExecuted: mayHaveExecutedBefore || replicas.contains { $0.mayHaveExecuted || $0.isAsked },
            isOutOfBudget: isOutOfBudget
        )
    }
}
