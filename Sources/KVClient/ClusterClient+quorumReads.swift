internal import KVCore
package import KVWire

extension ClusterClient {
    /// Reads the newest of what a majority of the replicas have, and brings those that were behind up to it.
    package func quorumGet(
        _ request: GetRequest,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) -> GetResponse {
        try Self.check(key: request.key)
        let deadline = saturatingSum(time.monotonicMilliseconds, timeoutMilliseconds)
        var request = request
        request.withMetadata = true
        var plan = QuorumReadPlan(deadline: deadline, attemptMilliseconds: attemptMilliseconds)
        let events = CallEvents<GetResponse>()
        var running: [@Sendable () -> Void] = []
        defer { if events.hasOutstanding { for cancel in running { cancel() } } }
        var now = time.monotonicMilliseconds
        var route = try await route(of: request.key, deadline: deadline)
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
                events.began(actions.count { if case .tell = $0 { false } else { true } }, phase: plan.phase)
                for action in actions { start(action, request, plan, &running, events) }
            }
            if happened.isEmpty {
                happened = await events.next(missing: plan.missing).reversed()
                now = time.monotonicMilliseconds
            }
            switch happened.removeLast() {
            case .answered(let node, let phase, .success(let response)):
                health.answered(node)
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
                    now: now
                )
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
        _ plan: QuorumReadPlan,
        _ running: inout [@Sendable () -> Void],
        _ events: CallEvents<GetResponse>
    ) {
        switch action {
        case .ask(let node, let phase, let timeoutMilliseconds):
            running.append(
                sender.start(request, to: node, timeoutMilliseconds: timeoutMilliseconds) { result in
                    events.ended(.answered(node: node, phase: phase, result), phase: phase)
                }
            )
        case .wait(let phase, let milliseconds):
            running.append(wait(node: nil, phase: phase, milliseconds: milliseconds, events))
        case .tell(let node): tell(node, shard: plan.shard)
        }
    }

    /// A route's members in the order to ask them.
    private func candidates(_ route: Route, now: UInt64) -> [String] {
        let (candidates, first) = order(route, now: now)
        return Array(candidates[first...] + candidates[..<first])
    }

    /// Brings replicas that were behind up to what the read found, with the same version and deadline. Returns at once.
    private func repair(_ key: [UInt8], _ result: QuorumReadPlan.Result, timeoutMilliseconds: UInt64) {
        if result.behind.isEmpty { return }
        let (response, clock) = (result.response, clock.milliseconds(now: time.monotonicMilliseconds))
        switch response.kind {
        // A deadline that has passed leaves a marker, as it did where the record comes from.
        case .live, .expired:
            let request = SetRequest(
                key: key,
                value: response.value,
                view: result.view,
                version: response.version,
                expiresAt: response.expiresAt,
                opClockMilliseconds: clock
            )
            repair(request, result.behind, timeoutMilliseconds)
        case .deleted:
            let request = DeleteRequest(
                key: key,
                view: result.view,
                version: response.version,
                opClockMilliseconds: clock
            )
            repair(request, result.behind, timeoutMilliseconds)
        }
    }

    private func repair(_ request: some MutationRequest, _ nodes: [String], _ timeoutMilliseconds: UInt64) {
        for node in nodes {
            _ = sender.start(request, to: node, timeoutMilliseconds: UInt32(clamping: timeoutMilliseconds)) { _ in }
        }
    }
}
