internal import KVClient
internal import KVCore
package import KVHistory
internal import KVWire

extension Client {
    /// - Parameter level: one replica, or a majority.
    package func read(_ key: [UInt8], at level: Level, _ done: @escaping () -> Void) {
        let begin = cluster.instant()
        func finish(_ response: GetResponse?) {
            if let response {
                let span = Span(begin, cluster.instant())
                reads.append(Read(client: name, key: key, level: level, span: span, record: Record(response)))
            } else {
                failedReads += 1
            }
            done()
        }
        if route(of: key).members.isEmpty { return finish(nil) }
        if level == .one { RunningRead(self, key, finish).go() } else { RunningQuorumRead(self, key, finish).begin() }
    }
}

/// A read of one replica after the other, until one answers.
private final class RunningRead {
    private let client: Client
    private let key: [UInt8]
    private let finish: (GetResponse?) -> Void
    private var route: Route
    private var plan: ReadPlan

    init(_ client: Client, _ key: [UInt8], _ finish: @escaping (GetResponse?) -> Void) {
        self.client = client
        self.key = key
        self.finish = finish
        route = client.route(of: key)
        plan = ReadPlan(
            candidates: client.candidates(route),
            first: 0,
            deadline: client.cluster.now + Client.callMilliseconds,
            attemptMilliseconds: Client.attemptMilliseconds
        )
    }

    func go() {
        switch plan.next(now: client.cluster.now) {
        case .ask(let node, let timeoutMilliseconds):
            let request = GetRequest(key: key, withMetadata: true)
            client.send(request, to: node, timeoutMilliseconds: timeoutMilliseconds) { [self] result in
                switch result {
                case .success(let response): finish(response)
                case .failure(let error):
                    _ = client.report(error, of: node, route.shard, route.view)
                    plan.failed(node, error, isRerouted: client.route(of: key).differs(from: route))
                    go()
                }
            }
        case .wait(let milliseconds):
            client.cluster.after(milliseconds) { [self] in
                route = client.route(of: key)
                if route.members.isEmpty { return finish(nil) }
                plan.beginRound(candidates: client.candidates(route), first: 0)
                go()
            }
        case .fail: finish(nil)
        }
    }
}

/// A read of a majority, which brings those that were behind up to what it found.
private final class RunningQuorumRead {
    private let client: Client
    private let key: [UInt8]
    private let finish: (GetResponse?) -> Void
    private var plan: QuorumReadPlan
    private var isOver = false

    init(_ client: Client, _ key: [UInt8], _ finish: @escaping (GetResponse?) -> Void) {
        self.client = client
        self.key = key
        self.finish = finish
        plan = QuorumReadPlan(
            deadline: client.cluster.now + Client.callMilliseconds,
            attemptMilliseconds: Client.attemptMilliseconds
        )
    }

    private var now: UInt64 { client.cluster.now }

    func begin() {
        let route = client.route(of: key)
        step(plan.begin(route, candidates: client.candidates(route), now: now))
    }

    private func step(_ step: QuorumReadPlan.Step) {
        switch step {
        case .perform(let actions): for action in actions { perform(action) }
        case .done(let result):
            isOver = true
            repair(result)
            finish(result.response)
        case .fail:
            isOver = true
            finish(nil)
        }
    }

    private func perform(_ action: QuorumReadPlan.Action) {
        switch action {
        case .ask(let node, let phase, let timeoutMilliseconds):
            let (shard, view) = (plan.shard, plan.view)
            let request = GetRequest(key: key, view: view, withMetadata: true)
            client.send(request, to: node, timeoutMilliseconds: timeoutMilliseconds) { [self] result in
                switch result {
                case .success(let response):
                    if !isOver { step(plan.answered(node: node, phase: phase, response)) }
                case .failure(let error):
                    let lesson = client.report(error, of: node, shard, view)
                    failed(node, phase, error, lesson)
                }
            }
        case .wait(let phase, let milliseconds):
            client.cluster.after(milliseconds) { [self] in
                let route = client.route(of: key)
                if isOver || route.members.isEmpty { return giveUp() }
                step(plan.waited(phase: phase, route: route, candidates: client.candidates(route), now: now))
            }
        case .tell(let node): client.tell(node, shard: plan.shard)
        }
    }

    private func failed(_ node: String, _ phase: Int, _ error: RPCError, _ lesson: Routing.Lesson) {
        if isOver { return }
        let route = client.route(of: key)
        if route.members.isEmpty { return giveUp() }
        let candidates = client.candidates(route)
        step(
            plan.failed(
                node: node,
                phase: phase,
                error,
                lesson: lesson,
                route: route,
                candidates: candidates,
                now: now
            )
        )
    }

    /// The shard has no owner any more.
    private func giveUp() {
        if isOver { return }
        isOver = true
        finish(nil)
    }

    private func repair(_ result: QuorumReadPlan.Result) {
        let (response, clock) = (result.response, client.clock.milliseconds(now: now))
        if response.kind == .expired { return }
        for node in result.behind {
            let timeout = UInt32(Client.callMilliseconds)
            if response.kind == .deleted {
                let request = DeleteRequest(
                    key: key,
                    view: result.view,
                    version: response.version,
                    opClockMilliseconds: clock
                )
                client.send(request, to: node, timeoutMilliseconds: timeout) { _ in }
            } else {
                let request = SetRequest(
                    key: key,
                    value: response.value,
                    view: result.view,
                    version: response.version,
                    expiresAt: response.expiresAt,
                    opClockMilliseconds: clock
                )
                client.send(request, to: node, timeoutMilliseconds: timeout) { _ in }
            }
        }
    }
}
