internal import KVCore
package import KVWire

extension ClusterClient {
    /// Reads the newest of what a majority of the replicas have, and brings those that were behind up to it.
    package func quorumGet(
        _ request: GetRequest,
        isHedged: Bool = false,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) -> GetResponse {
        try Self.check(key: request.key)
        amplification.count()
        let began = time.monotonicMicroseconds
        let deadline = saturatingSum(began / 1000, timeoutMilliseconds)
        var request = request
        request.withMetadata = true
        var plan = QuorumReadPlan(deadline: deadline, attemptMilliseconds: attemptMilliseconds, jitter: jitter)
        let events = CallEvents<GetResponse>()
        var running: [@Sendable () -> Void] = []
        defer { if events.hasOutstanding { for cancel in running { cancel() } } }
        var now = time.monotonicMilliseconds
        var route = try await route(of: request.key, deadline: deadline)
        if isHedged { running.append(wait(node: nil, phase: 0, milliseconds: hedging.delayMilliseconds, events)) }
        var step = plan.begin(route, candidates: candidates(route, now: now), now: now)
        var happened: [CallEvent<GetResponse>] = []
        while true {
            switch step {
            case .done(let result):
                repair(request.key, result, timeoutMilliseconds: timeoutMilliseconds)
                return result.response
            case .fail(let failure): throw failure
            case .perform(let actions):
                request.view = plan.view
                for action in actions { start(action, request, route, plan, &running, events) }
            }
            if happened.isEmpty {
                happened = await events.next(missing: plan.missing).reversed()
                now = time.monotonicMilliseconds
            }
            switch happened.removeLast() {
            case .answered(let node, let phase, .success(let response)):
                step = plan.answered(node: node, phase: phase, response)
            case .answered(let node, let phase, .failure(let error)):
                let lesson = report(error, of: node, shard: plan.shard, view: plan.view)
                route = try self.route(of: request.key)
                step = plan.failed(
                    node: node,
                    phase: phase,
                    error,
                    lesson: lesson,
                    route: route,
                    candidates: candidates(route, now: now),
                    now: now,
                    mayRepeat: mayRepeat
                )
            case .waited(_, phase: 0):
                step = plan.hedge(phase: plan.phase, now: now, mayRepeat: mayRepeat)
                if let observer, case .perform(let actions) = step, !actions.isEmpty { observer.hedged() }
            case .waited(_, let phase):
                route = try self.route(of: request.key)
                step = plan.waited(phase: phase, route: route, candidates: candidates(route, now: now), now: now)
            case .routeChanged: step = .perform([])
            case .cancelled: throw CallFailure(.cancelled, "the call was cancelled")
            }
        }
    }

    private func start(
        _ action: QuorumReadPlan.Action,
        _ request: GetRequest,
        _ route: Route,
        _ plan: QuorumReadPlan,
        _ running: inout [@Sendable () -> Void],
        _ events: CallEvents<GetResponse>
    ) {
        switch action {
        case .ask(let name, let phase, let timeoutMilliseconds):
            let node = state(of: name, route)
            let sent = time.monotonicMicroseconds
            running.append(start(request, at: node, sent: sent, timeoutMilliseconds, phase: phase, events))
        case .wait(let phase, let milliseconds):
            running.append(wait(node: nil, phase: phase, milliseconds: milliseconds, events))
        case .tell(let node): tell(node, shard: plan.shard)
        }
    }

    /// A route's members in the order to ask them.
    private func candidates(_ route: Route, now: UInt64) -> [String] {
        let (candidates, first) = order(route, now: now * 1000)
        return Array(candidates[first...] + candidates[..<first])
    }

    /// Brings replicas that were behind up to what the read found, with the same version and deadline. Returns at once.
    private func repair(_ key: [UInt8], _ result: QuorumReadPlan.Result, timeoutMilliseconds: UInt64) {
        // The value of an expired record is gone, and a replica whose clock is behind would take nothing for its value until the
        // deadline: servers bring each other's markers.
        if result.response.kind == .expired { return }
        // Counted as repetitions; what is not repaired now is by the next read, or by the servers.
        let behind = result.behind.filter { _ in mayRepeat() }
        if behind.isEmpty { return }
        if let observer { observer.repaired(behind.count) }
        let (response, clock) = (result.response, clock.milliseconds(now: time.monotonicMilliseconds))
        if response.kind == .deleted {
            let request = DeleteRequest(
                key: key,
                view: result.view,
                version: response.version,
                opClockMilliseconds: clock
            )
            repair(request, behind, timeoutMilliseconds)
        } else {
            let request = SetRequest(
                key: key,
                value: response.value,
                view: result.view,
                version: response.version,
                expiresAt: response.expiresAt,
                opClockMilliseconds: clock
            )
            repair(request, behind, timeoutMilliseconds)
        }
    }

    private func repair(_ request: some MutationRequest, _ nodes: [String], _ timeoutMilliseconds: UInt64) {
        for node in nodes {
            _ = sender.start(request, to: node, timeoutMilliseconds: UInt32(clamping: timeoutMilliseconds)) { _ in }
        }
    }
}
