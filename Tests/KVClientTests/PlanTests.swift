import KVClient
import KVCore
import KVWire
import Testing

/// Seeded, so that a failure can be had again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

private let errors: [RPCError] = [
    refused, notReady, moving,
    RPCError(.deadlineExceeded, "no answer", reason: .indeterminate),
    RPCError(.unavailable, "lost", reason: .indeterminate),
    RPCError(.notFound, "not here", reason: .notHosted),
    RPCError(.internal, "broken"),
    RPCError(.aborted, "another view", reason: .wrongView),
    RPCError(
        .unavailable,
        "copying",
        reason: .notReady,
        retryAfterMilliseconds: 5,
        view: View(shard: 1, epoch: 1, members: [View.Member(node: "old", address: "h", port: 1)])
    ),
]

@Suite struct PlanTests {
    /// Each replica at most once a round, nothing past the deadline, an end in finite time.
    @Test(arguments: 0..<200)
    func readsKeepTheirRules(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let candidates = (1...Int.random(in: 1...5, using: &random)).map { "n\($0)" }
        let deadline = UInt64.random(in: 1...2000, using: &random)
        var plan = ReadPlan(
            candidates: candidates,
            first: Int.random(in: 0..<candidates.count, using: &random),
            deadline: deadline,
            attemptMilliseconds: 250
        )
        var now: UInt64 = 0
        var asked: Set<String> = []
        for _ in 0..<10_000 {
            switch plan.next(now: now) {
            case .ask(let node, let timeout):
                #expect(asked.insert(node).inserted, "\(node) was asked twice in a round")
                #expect(candidates.contains(node) || node == "old")
                #expect(timeout > 0 && now + UInt64(timeout) <= deadline)
                let error = errors.randomElement(using: &random)!
                now += error.code == .deadlineExceeded ? UInt64(timeout) : UInt64.random(in: 0...3, using: &random)
                plan.failed(node, error)
            case .wait(let milliseconds):
                #expect(asked.isSuperset(of: candidates))
                #expect(now + milliseconds < deadline)
                now += milliseconds
                asked = []
                plan.beginRound(candidates: candidates, first: Int.random(in: 0..<candidates.count, using: &random))
            case .fail(let failure):
                #expect(failure.replicas.isEmpty || now >= deadline || asked.isSuperset(of: candidates))
                return
            }
        }
        Issue.record("the plan does not end")
    }

    @Test func theLastReplicaMayUseAllThatIsLeft() {
        var plan = ReadPlan(candidates: ["a", "b"], first: 1, deadline: 1000, attemptMilliseconds: 250)
        #expect(plan.next(now: 0) == .ask(node: "b", timeoutMilliseconds: 250))
        plan.failed("b", refused)
        #expect(plan.next(now: 100) == .ask(node: "a", timeoutMilliseconds: 900))
    }

    /// Whatever happens and in whatever order: the call ends by the deadline; it succeeds only if every member of the last
    /// phase took the write; an error without "indeterminate" means that no replica took it.
    @Test(arguments: 0..<300)
    func writesKeepTheirRules(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let all = ["n1", "n2", "n3", "n4"]
        func someMembers() -> [String] {
            Array(all.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
        }
        let deadline: UInt64 = 1000
        let level = [ConsistencyLevel.one, .quorum, .all].randomElement(using: &random)!
        var plan = WritePlan(level: level, deadline: deadline)
        var view: UInt64 = 10
        func someRoute() -> Route {
            view += 1
            return Route(shard: 1, members: someMembers(), view: view)
        }
        var route = someRoute()
        var now: UInt64 = 0
        var pending: [WritePlan.Action] = []
        /// By phase: who was sent the write, and who took it.
        var sent: [Int: Set<String>] = [:]
        var taken: [Int: Set<String>] = [:]
        var mayHaveBeenTaken = false
        var restamps = 0
        var step = plan.begin(route, now: now)
        for _ in 0..<10_000 {
            switch step {
            case .done:
                let last = sent.keys.max()!
                #expect(taken[last, default: []].count >= level.count(of: sent[last]!.count), "all of the last phase")
                return
            case .fail(let failure):
                #expect(failure.isIndeterminate || !mayHaveBeenTaken)
                return
            case .restamp:
                restamps += 1
                #expect(restamps <= 2 * all.count + 1)
                step = plan.begin(route, now: now)
                continue
            case .perform(let actions):
                for case .send(let node, let phase, let timeout) in actions {
                    #expect(now + UInt64(timeout) <= deadline)
                    #expect(route.members.contains(node))
                    sent[phase, default: []].insert(node)
                }
                for case .wait(_, _, let milliseconds) in actions { #expect(now + milliseconds < deadline) }
                pending += actions.filter { if case .tell = $0 { false } else { true } }
            }
            guard !pending.isEmpty else {
                Issue.record("the plan waits for nothing")
                return
            }
            switch pending.remove(at: Int.random(in: 0..<pending.count, using: &random)) {
            case .send(let node, let phase, _):
                now = min(deadline, now + UInt64.random(in: 0...20, using: &random))
                switch answer(using: &random) {
                case .success(let response):
                    taken[phase, default: []].insert(node)
                    mayHaveBeenTaken = true
                    step = plan.acknowledged(node: node, phase: phase, response)
                case .failure(let error):
                    if error.reason == .indeterminate { mayHaveBeenTaken = true }
                    let lesson: Routing.Lesson =
                        error.reason == .wrongView
                        ? [.news, .known, .outdated].randomElement(using: &random)! : .nothing
                    if lesson == .news { route = someRoute() }
                    step = plan.failed(node: node, phase: phase, error, lesson: lesson, route: route, now: now)
                }
            case .wait(let node, let phase, let milliseconds):
                now = min(deadline, now + milliseconds)
                if Int.random(in: 0..<4, using: &random) == 0 { route = someRoute() }
                step = plan.waited(node: node, phase: phase, route: route, now: now)
            case .tell: preconditionFailure("it needs no report")
            }
        }
        Issue.record("the plan does not end")
    }

    private func answer(using random: inout SplitMix) -> Result<MutationResponse, RPCError> {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: .success(MutationResponse())
        case 5: .success(MutationResponse(superseded: Version(time: 9, writer: 9)))
        case 6: .failure(RPCError(.outOfRange, "ahead", reason: .future, serverTimeMilliseconds: 5))
        default: .failure(errors.randomElement(using: &random)!)
        }
    }
}
