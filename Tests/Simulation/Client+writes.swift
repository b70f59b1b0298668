internal import KVClient
internal import KVCore
package import KVHistory
internal import KVWire

extension Client {
    /// - Parameters:
    ///   - value: nil = a Delete.
    ///   - done: called when the caller knows what became of it.
    package func write(
        _ key: [UInt8],
        _ value: [UInt8]?,
        ttlMilliseconds: UInt64 = 0,
        at level: Level,
        _ done: @escaping (Write.Outcome) -> Void
    ) {
        let write = Write(
            client: name,
            key: key,
            value: value,
            ttlMilliseconds: ttlMilliseconds,
            level: level,
            span: Span(cluster.instant(), Span.never),
            outcome: .indeterminate,
            stamps: []
        )
        if let value {
            let mutation = SetMutation(key: key, value: value, ttlMilliseconds: Int64(ttlMilliseconds))
            RunningWrite(self, mutation, write, done).begin()
        } else {
            RunningWrite(self, DeleteMutation(key: key), write, done).begin()
        }
    }
}

/// A write under way: performs what its plan says.
private final class RunningWrite<Writing: Mutation> {
    private let client: Client
    private let mutation: Writing
    private let done: (Write.Outcome) -> Void
    private var plan: WritePlan
    private var request: Writing.Request
    /// Nil = it has not been told the caller.
    private var outcome: Write.Outcome?
    private var place = 0
    /// The index of what is recorded of it.
    private let index: Int

    init(_ client: Client, _ mutation: Writing, _ write: Write, _ done: @escaping (Write.Outcome) -> Void) {
        self.client = client
        self.mutation = mutation
        self.done = done
        plan = WritePlan(level: write.level.ofClient, deadline: client.cluster.now + Client.callMilliseconds)
        request = mutation.request(stamp: client.clock.stamp(now: client.cluster.now))
        index = client.writes.count
        client.writes.append(write)
        note(request)
    }

    private var now: UInt64 { client.cluster.now }
    private var route: Route { client.route(of: mutation.key) }

    func begin() {
        if route.members.isEmpty { return finish(.failed) }
        place = client.wait { [self] in
            goOn { plan.rerouted($0, now: now) }
        }
        step(plan.begin(route, now: now))
    }

    private func step(_ step: WritePlan.Step) {
        switch step {
        case .perform(let actions): for action in actions { perform(action) }
        case .restamp(let cause):
            switch cause {
            case .superseded(let version): client.clock.raise(above: version)
            case .refused(let node, let serverMilliseconds):
                client.clock.correct(to: serverMilliseconds, of: node, now: now)
            }
            request = mutation.request(stamp: client.clock.stamp(now: now))
            note(request)
            self.step(plan.begin(route, now: now))
        case .done: finish(.acknowledged)
        case .fail(let failure): finish(failure.isIndeterminate ? .indeterminate : .failed)
        }
    }

    private func finish(_ outcome: Write.Outcome) {
        if self.outcome != nil { return }
        self.outcome = outcome
        client.leave(place)
        client.writes[index].outcome = outcome
        if outcome != .indeterminate { client.writes[index].span.end = client.cluster.instant() }
        if outcome == .acknowledged, plan.isPending { plan.goOn() }
        done(outcome)
    }

    private func perform(_ action: WritePlan.Action) {
        request.view = plan.view
        request.opClockMilliseconds = client.clock.milliseconds(now: now)
        switch action {
        case .send(let node, let phase, let timeoutMilliseconds):
            let (shard, view) = (plan.shard, plan.view)
            client.send(request, to: node, timeoutMilliseconds: timeoutMilliseconds) { [self] result in
                answered(node, phase, shard, view, result)
            }
        case .wait(let node, let phase, let milliseconds):
            client.cluster.after(milliseconds) { [self] in
                goOn { plan.waited(node: node, phase: phase, route: $0, now: now) }
            }
        case .tell(let node): client.tell(node, shard: plan.shard)
        }
    }

    private func answered(
        _ node: String,
        _ phase: Int,
        _ shard: Int,
        _ view: UInt64,
        _ result: Result<MutationResponse, RPCError>
    ) {
        switch result {
        case .success(let response):
            if !isOver { step(plan.acknowledged(node: node, phase: phase, response)) }
        case .failure(let error):
            let lesson = client.report(error, of: node, shard, view)
            goOn { plan.failed(node: node, phase: phase, error, lesson: lesson, route: $0, now: now) }
        }
    }

    /// Decides by the route of now, unless there is nothing to decide any more.
    private func goOn(_ decide: (Route) -> WritePlan.Step) {
        if isOver { return }
        let route = route
        if route.members.isEmpty {
            return step(.fail(plan.abandoned(RPCError(.unavailable, "the shard has no owner"))))
        }
        step(decide(route))
    }

    /// Once it has failed nothing more is sent, as little as the library does.
    private var isOver: Bool {
        switch outcome {
        case nil: false
        case .acknowledged: !plan.isPending
        case .indeterminate, .failed: true
        }
    }

    private func note(_ request: Writing.Request) {
        let expiresAt = (request as? SetRequest)?.expiresAt ?? 0
        let version = (request as? SetRequest)?.version ?? (request as? DeleteRequest)?.version ?? .none
        client.writes[index].stamps.append(Write.Stamp(version: version, expiresAt: expiresAt))
    }
}

extension Level {
    fileprivate var ofClient: ConsistencyLevel {
        switch self {
        case .one: .one
        case .quorum: .quorum
        case .all: .all
        }
    }
}
