internal import KVCore
internal import KVWire

extension ClusterClient {
    /// Asks a second replica if the first one takes unusually long. Until then the read is like any other.
    @inline(__always)
    func hedge(
        _ request: GetRequest,
        _ route: Route,
        _ plan: consuming ReadPlan,
        began: UInt64
    ) async throws(CallFailure) -> GetResponse {
        guard case .ask(let name, let timeoutMilliseconds) = plan.next(now: began / 1000) else {
            return try await go(on: plan, request, route, began: began)
        }
        let node = state(of: name, route)
        let patience = hedging.delayMilliseconds
        begin(node, .get)
        let attempt: Attempt
        do throws(RPCError) {
            attempt = try await sender.attempt(
                request,
                to: name,
                timeoutMilliseconds: timeoutMilliseconds,
                patienceMilliseconds: UInt32(clamping: patience)
            )
        } catch {
            let now = time.monotonicMicroseconds
            ended(node, error, sent: began, now: now)
            try failed(name, error, of: request, route, &plan)
            return try await go(on: plan, request, route, began: now)
        }
        switch consume attempt {
        case .answered(let response):
            hedging.observe(answered(node, .get, sent: began) - began)
            return response
        case .late(let follow):
            return try await race(request, route, plan, began: began, patience: patience, node, follow)
        }
    }

    /// Waits for the first request's answer, and for a second's too once the patience is over; the first answer wins, and the
    /// other replica is told that nobody waits. If both fail, the others are asked one by one.
    private func race(
        _ request: GetRequest,
        _ route: Route,
        _ plan: consuming ReadPlan,
        began: UInt64,
        patience: UInt64,
        _ first: NodeState,
        _ followFirst: Attempt.Late
    ) async throws(CallFailure) -> GetResponse {
        let events = CallEvents<GetResponse>()
        let cancelFirst = follow(first, sent: began, events, followFirst)
        // Of the second request, or of the wait for its time.
        var cancelSecond: (@Sendable () -> Void)?
        defer {
            if events.hasOutstanding {
                cancelFirst()
                cancelSecond?()
            }
        }
        var now = time.monotonicMicroseconds
        let waited = (now - began) / 1000
        var isTimeForSecond = waited >= patience
        if !isTimeForSecond {
            // It was left at once.
            cancelSecond = wait(node: nil, phase: 0, milliseconds: patience - waited, events)
        }
        var (asked, failed) = (1, 0)
        while failed < asked {
            if isTimeForSecond, failed == 0, mayRepeat() {
                switch plan.next(now: now / 1000) {
                case .ask(let name, let timeoutMilliseconds):
                    asked += 1
                    cancelSecond = start(request, at: state(of: name, route), sent: now, timeoutMilliseconds, events)
                    if let observer { observer.hedged() }
                case .wait: break
                case .fail(let failure): throw failure
                }
            }
            isTimeForSecond = false
            let happened = await events.next(missing: 1)
            now = time.monotonicMicroseconds
            for event in happened {
                switch event {
                case .answered(let name, _, .success(let response)):
                    hedging.observe(now - began)
                    if name != first.name {
                        if failed == 0 { overtaken(first, sent: began, now: now) }
                        if let observer { observer.hedgeWon() }
                    }
                    return response
                case .answered(let name, _, .failure(let error)):
                    failed += 1
                    try self.failed(name, error, of: request, route, &plan)
                case .waited: isTimeForSecond = true
                case .routeChanged: break
                case .cancelled: throw CallFailure(.cancelled, "the call was cancelled")
                }
            }
        }
        return try await go(on: plan, request, route, began: time.monotonicMicroseconds)
    }

    /// A hedge was answered before the first request: whether that one's node is slower, or does not answer at all, is not to be
    /// seen from one read. One that sends nothing for as long as an attempt may take is silent, as if one had taken so long.
    private func overtaken(_ node: NodeState, sent: UInt64, now: UInt64) {
        guard node.silence(sent: sent, now: now) >= attemptMilliseconds * 1000 else { return }
        nodes.failed(node, isSilence: true, now: now)
    }

    /// Begins one request of a read that waits for several.
    func start(
        _ request: GetRequest,
        at node: NodeState,
        sent: UInt64,
        _ timeoutMilliseconds: UInt32,
        phase: Int = 0,
        _ events: CallEvents<GetResponse>
    ) -> @Sendable () -> Void {
        begin(node, .get)
        return follow(node, sent: sent, phase: phase, events) { completion in
            self.sender.start(request, to: node.name, timeoutMilliseconds: timeoutMilliseconds, completion)
        }
    }

    /// Notes what a request shows of its node, and tells the read.
    /// - Parameter request: is given whom to tell its end.
    private func follow(
        _ node: NodeState,
        sent: UInt64,
        phase: Int = 0,
        _ events: CallEvents<GetResponse>,
        _ request: (_ completion: @escaping @Sendable (Result<GetResponse, RPCError>) -> Void) -> @Sendable () -> Void
    ) -> @Sendable () -> Void {
        events.began(1, phase: phase)
        return request { result in
            switch result {
            case .success: self.answered(node, .get, sent: sent)
            case .failure(let error): self.ended(node, error, sent: sent, now: self.time.monotonicMicroseconds)
            }
            events.ended(.answered(node: node.name, phase: phase, result), phase: phase)
        }
    }
}
