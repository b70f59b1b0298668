internal import KVWire
internal import Synchronization

/// When hedged reads ask a second replica: after what 95 of 100 reads take, and never later than a given time.
package final class Hedging<Time: ClientTime>: Sendable {
    private struct State {
        /// In the order of their times, nearly: the delay changes slowly.
        var waiting: [(at: UInt64, wake: @Sendable () -> Void)] = []
        var next = 0
        var isRunning = false
    }

    private let time: Time
    private let longestMicroseconds: UInt64
    private let quantile = Atomic<UInt64>(0)
    private let state = Mutex(State())

    init(time: Time, longestMilliseconds: UInt64) {
        self.time = time
        longestMicroseconds = longestMilliseconds * 1000
    }

    /// How long a read waits before it is hedged, at least a millisecond.
    package var delayMicroseconds: UInt64 {
        let seen = quantile.load(ordering: .relaxed)
        return seen == 0 ? longestMicroseconds : max(1000, min(seen, longestMicroseconds))
    }

    /// A read took so long.
    func observe(_ microseconds: UInt64) {
        let seen = quantile.load(ordering: .relaxed)
        quantile.store(Self.next(seen, microseconds), ordering: .relaxed)
    }

    /// Moves an estimate of the 95th percentile towards it: up as often as a value is above it, in steps 19 times as long
    /// as those down.
    static func next(_ estimate: UInt64, _ value: UInt64) -> UInt64 {
        if estimate == 0 { return max(1, value) }
        let step = max(1, estimate / 512)
        return value > estimate ? estimate + 19 * step : estimate - min(step, estimate - 1)
    }

    /// Calls `wake` at the given time, in microseconds. One task waits for all.
    func schedule(at: UInt64, _ wake: @escaping @Sendable () -> Void) {
        let starts = state.withLock { state in
            state.waiting.append((at, wake))
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { Task { await run() } }
    }

    private func run() async {
        while true {
            let now = time.monotonicMicroseconds
            let (due, next) = state.withLock { state -> ([@Sendable () -> Void], UInt64?) in
                var due: [@Sendable () -> Void] = []
                while state.next < state.waiting.count, state.waiting[state.next].at <= now {
                    due.append(state.waiting[state.next].wake)
                    state.next += 1
                }
                if state.next == state.waiting.count || state.next > 1024 {
                    state.waiting.removeSubrange(..<state.next)
                    state.next = 0
                }
                if state.waiting.isEmpty { state.isRunning = false }
                return (due, state.waiting.isEmpty ? nil : state.waiting[state.next].at)
            }
            for wake in due { wake() }
            guard let next else { return }
            do { try await time.sleep(milliseconds: (next - min(next, now)) / 1000 + 1) } catch {}
        }
    }
}

extension ClusterClient {
    /// Asks a second replica if the first one takes unusually long; the first answer wins, and the other replica is told that nobody
    /// waits. If both fail, the others are asked one by one.
    func hedge(
        _ request: GetRequest,
        _ route: Route,
        _ plan: ReadPlan,
        began: UInt64
    ) async throws(CallFailure) -> GetResponse {
        var plan = plan
        let events = CallEvents<GetResponse>()
        var cancels: [@Sendable () -> Void] = []
        var askedNodes: [String] = []
        defer { if events.hasOutstanding { for cancel in cancels { cancel() } } }
        func ask() throws(CallFailure) {
            switch plan.next(now: time.monotonicMilliseconds) {
            case .ask(let name, let timeoutMilliseconds):
                askedNodes.append(name)
                cancels.append(start(request, at: state(of: name, route), timeoutMilliseconds, events))
            case .wait: break
            case .fail(let failure): throw failure
            }
        }
        try ask()
        let cancelled = events
        hedging.schedule(at: began + hedging.delayMicroseconds) {
            cancelled.post(.waited(node: nil, phase: 0))
        }
        var failed = 0
        while failed < askedNodes.count {
            for event in await events.next(missing: 1) {
                switch event {
                case .answered(let name, _, .success(let response)):
                    let now = time.monotonicMicroseconds
                    hedging.observe(now - began)
                    if name != askedNodes[0] {
                        if failed == 0 { overtaken(state(of: askedNodes[0], route), sent: began, now: now) }
                        if let observer { observer.hedgeWon() }
                    }
                    return response
                case .answered(let name, _, .failure(let error)):
                    failed += 1
                    try self.failed(name, error, of: request, route, &plan)
                case .waited:
                    guard failed == 0, askedNodes.count == 1, mayRepeat() else { break }
                    try ask()
                    if let observer { observer.hedged() }
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
        _ timeoutMilliseconds: UInt32,
        phase: Int = 0,
        _ events: CallEvents<GetResponse>
    ) -> @Sendable () -> Void {
        let sent = time.monotonicMicroseconds
        events.began(1, phase: phase)
        begin(node, .get)
        return sender.start(request, to: node.name, timeoutMilliseconds: timeoutMilliseconds) { result in
            switch result {
            case .success: self.answered(node, .get, sent: sent)
            case .failure(let error): self.ended(node, error, sent: sent, now: self.time.monotonicMicroseconds)
            }
            events.ended(.answered(node: node.name, phase: phase, result), phase: phase)
        }
    }
}
