internal import KVCore
package import KVWire

/// Decides whom a quorum read asks, and which answer counts. No I/O: the driver performs the actions and reports each one's end,
/// at most once, in any order.
///
/// A phase asks a majority of one route's members, and one more for each that fails or does not answer within its share of the
/// deadline. The answers of a majority, all by one view, make up the read: the greatest version counts. If a replica's
/// error changed the route, a phase begins anew at once; if a majority did not answer and a replica said that its trouble
/// will pass, after a wait. Times are in milliseconds of one clock.
///
/// To drive it: `begin`, then perform what the step says. After `.ask`, call `answered` or `failed`; after `.wait`,
/// `waited`; `.tell` needs no report. Requests must ask for metadata. `.done` and `.fail` are the last steps.
package struct QuorumReadPlan {
    package enum Action: Hashable {
        case ask(node: String, phase: Int, timeoutMilliseconds: UInt32)
        /// Then `waited`.
        case wait(phase: Int, milliseconds: UInt64)
        /// The node's view is older than the client's: send it the client's (`ExchangeView`), and learn from the answer.
        case tell(node: String)
    }

    package enum Step: Hashable {
        case perform([Action])
        indirect case done(Result)
        indirect case fail(CallFailure)
    }

    package struct Result: Hashable {
        package let response: GetResponse
        /// The replicas that answered with an older version, or none.
        package let behind: [String]
        package let view: UInt64
    }

    private static let maxPhasesAtOnce = 8

    /// The members in the order to ask them; those from `asked` on were not yet.
    private var candidates: [String] = []
    private var asked = 0
    private var pending: Set<String> = []
    private var answers: [(node: String, response: GetResponse)] = []
    private var failures: [CallFailure.Replica] = []
    private var route: Route?
    private var waits = 0
    package private(set) var phase = 0
    private let deadline: UInt64
    private let attemptMilliseconds: UInt64
    private let jitter: Jitter
    private var isOutOfBudget = false

    package init(deadline: UInt64, attemptMilliseconds: UInt64, jitter: Jitter = .none) {
        self.jitter = jitter
        self.deadline = deadline
        self.attemptMilliseconds = max(1, attemptMilliseconds)
    }

    /// The view that the phase's requests carry.
    package var view: UInt64 { route?.view ?? 0 }
    /// The shard whose view it is.
    package var shard: Int { route?.shard ?? 0 }

    /// How many answers are missing to a majority.
    package var missing: Int { max(0, ConsistencyLevel.quorum.count(of: candidates.count) - answers.count) }

    /// Begins a phase.
    /// - Parameter candidates: the route's members, at least one, in the order to ask them.
    package mutating func begin(_ route: Route, candidates: [String], now: UInt64) -> Step {
        phase += 1
        self.route = route
        self.candidates = candidates
        asked = 0
        pending = []
        answers = []
        failures = []
        return askMore(now: now)
    }

    /// An `ask` was answered.
    package mutating func answered(node: String, phase: Int, _ response: GetResponse) -> Step {
        guard phase == self.phase, pending.remove(node) != nil else { return .perform([]) }
        answers.append((node, response))
        return missing == 0 ? .done(result) : .perform([])
    }

    /// An `ask` failed.
    /// - Parameters:
    ///   - lesson: what the error's view was to the routing, which has learned it.
    ///   - route: the shard's route by now.
    ///   - candidates: its members in the order to ask them, if it is another one.
    ///   - mayRepeat: whether the client's budget for repetitions has one for this; asked only if it would be one.
    package mutating func failed(
        node: String,
        phase: Int,
        _ error: RPCError,
        lesson: Routing.Lesson = .nothing,
        route: Route,
        candidates: [String],
        now: UInt64,
        mayRepeat: () -> Bool = { true }
    ) -> Step {
        guard phase == self.phase, pending.remove(node) != nil else { return .perform([]) }
        failures.append(CallFailure.Replica(node: node, error: error))
        if error.endsCall { return .fail(.read(failures)) }
        if lesson == .news, self.phase < Self.maxPhasesAtOnce, let current = self.route, route.differs(from: current) {
            return begin(route, candidates: candidates, now: now)
        }
        guard error.isRedirect || error.isUnsent || mayRepeat() else {
            isOutOfBudget = true
            return .fail(failure)
        }
        let step = askMore(now: now)
        guard lesson == .outdated, case .perform(let actions) = step else { return step }
        return .perform([.tell(node: node)] + actions)
    }

    /// A `wait` ended.
    package mutating func waited(phase: Int, route: Route, candidates: [String], now: UInt64) -> Step {
        phase == self.phase ? begin(route, candidates: candidates, now: now) : .perform([])
    }

    /// The answers take long: asks one more, if there is one.
    /// - Parameter mayRepeat: whether the client's budget for repetitions has one for this; asked only if it would be one.
    package mutating func hedge(phase: Int, now: UInt64, mayRepeat: () -> Bool = { true }) -> Step {
        guard phase == self.phase, missing > 0, asked < candidates.count, now < deadline, mayRepeat() else {
            return .perform([])
        }
        defer { asked += 1 }
        pending.insert(candidates[asked])
        let timeout = UInt32(clamping: deadline - now)
        return .perform([.ask(node: candidates[asked], phase: phase, timeoutMilliseconds: timeout)])
    }

    private mutating func askMore(now: UInt64) -> Step {
        guard now < deadline else { return .fail(failure) }
        let wanted = missing - pending.count
        guard wanted <= candidates.count - asked else { return endPhase(now: now) }
        guard wanted > 0 else { return .perform([]) }
        let spare = candidates.count - asked - wanted
        let remaining = deadline - now
        let share = spare == 0 ? remaining : max(1, min(attemptMilliseconds, remaining / UInt64(spare + 1)))
        defer { asked += wanted }
        return .perform(
            candidates[asked..<asked + wanted].map { node in
                pending.insert(node)
                return .ask(node: node, phase: phase, timeoutMilliseconds: UInt32(clamping: share))
            }
        )
    }

    /// A majority cannot answer any more.
    private mutating func endPhase(now: UInt64) -> Step {
        let wait = failures.filter(\.error.isTransient).map { failure in
            RetryWait.milliseconds(after: failure.error, attempt: waits, jitter)
        }.min()
        guard let wait, now + wait < deadline else { return .fail(failure) }
        waits += 1
        // What is still under way belongs to no phase.
        pending = []
        return .perform([.wait(phase: phase, milliseconds: wait)])
    }

    private var failure: CallFailure {
        var failure = CallFailure.read(failures, isOutOfBudget: isOutOfBudget)
        failure.message = "\(answers.count) of \(candidates.count) replicas answered: \(failure.message)"
        return failure
    }

    private var result: Result {
        let greatest = answers.max { $0.response.version < $1.response.version }!.response
        return Result(
            response: greatest,
            behind: answers.filter { $0.response.version < greatest.version }.map(\.node),
            view: view
        )
    }
}
