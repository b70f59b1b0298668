import KVClient
import KVCore
import KVWire

/// Three servers that take a millisecond for a request each, and clients that send reads at a given rate whatever becomes of them, on a
/// clock of its own. The client's parts are the real ones: plan, balancer, ejection, budget.
struct OverloadSimulation {
    struct Phase {
        let seconds: Double
        let readsPerSecond: Double
    }

    struct Call {
        let began: UInt64
        var plan: ReadPlan
        var attempt = 0
        var node = 0
        var sent: UInt64 = 0
        var answeredAt: UInt64?
        var hasEnded = false
    }

    private enum Event {
        case arrival
        case served(server: Int)
        case answer(call: Int, attempt: Int, RPCError?)
        case timeout(call: Int, attempt: Int)
        case round(call: Int)
    }

    private struct Request {
        let call: Int
        let attempt: Int
        let deadline: UInt64
    }

    static let serviceMicroseconds: UInt64 = 1000
    static let capacity = 3000.0
    private static let timeoutMilliseconds: UInt64 = 200
    /// A refusal's cost, and how many requests a server lets wait.
    private static let refusalMicroseconds: UInt64 = 20
    private static let mostWaiting = 30
    private static let overloaded = RPCError(
        .resourceExhausted,
        "too much",
        reason: .overloaded,
        retryAfterMilliseconds: 20
    )

    let isProtected: Bool
    private let phases: [Phase]
    private var random: SplitMix
    private let table = NodeTable()
    private let route: Route
    private var budget = AmplificationBudget(now: 0)
    private var events: [(time: UInt64, event: Event)] = []
    private var queues: [[Request]] = [[], [], []]
    /// When each has done what it began.
    private var busyUntil: [UInt64] = [0, 0, 0]
    private var isBusy = [false, false, false]
    private(set) var calls: [Call] = []
    private(set) var attempts = 0
    private var now: UInt64 = 0

    init(isProtected: Bool, phases: [Phase], seed: UInt64) {
        self.isProtected = isProtected
        self.phases = phases
        random = SplitMix(state: seed)
        route = Route(shard: 1, members: ["0", "1", "2"], view: 0, nodes: table)
    }

    /// The answered calls of those that began in a span of seconds, a second.
    func goodput(from begin: Double, to end: Double) -> Double {
        Double(latencies(from: begin, to: end).count) / (end - begin)
    }

    /// Of the calls that were answered, sorted, in milliseconds.
    func latencies(from begin: Double, to end: Double) -> [Double] {
        calls.filter { Double($0.began) / 1e6 >= begin && Double($0.began) / 1e6 < end }
            .compactMap { call in call.answeredAt.map { Double($0 - call.began) / 1000 } }
            .sorted()
    }

    mutating func run() {
        schedule(.arrival, at: 1)
        while let (time, event) = events.popLast() {
            now = max(now, time)
            switch event {
            case .arrival: arrive()
            case .served(let server): served(server)
            case .answer(let call, let attempt, let error): ended(call, attempt, error)
            case .timeout(let call, let attempt):
                ended(call, attempt, RPCError(.deadlineExceeded, "no answer", reason: .indeterminate))
            case .round(let call):
                let (candidates, first) = order()
                calls[call].plan.beginRound(candidates: candidates, first: first)
                step(call)
            }
        }
    }

    /// The latest first, so that the next one is the last.
    private mutating func schedule(_ event: Event, at time: UInt64) {
        var (low, high) = (0, events.count)
        while low < high {
            let middle = (low + high) / 2
            if events[middle].time > time { low = middle + 1 } else { high = middle }
        }
        events.insert((time, event), at: low)
    }

    private mutating func arrive() {
        var end = 0.0
        let phase = phases.first { phase in
            end += phase.seconds * 1e6
            return Double(now) < end
        }
        guard let phase else { return }
        let gap = 2e6 / phase.readsPerSecond
        schedule(.arrival, at: now + 1 + UInt64(Double.random(in: 0...gap, using: &random)))
        let (candidates, first) = order()
        let plan = ReadPlan(
            candidates: candidates,
            first: first,
            deadline: now / 1000 + Self.timeoutMilliseconds,
            attemptMilliseconds: 100
        )
        calls.append(Call(began: now, plan: plan))
        step(calls.count - 1)
    }

    private func order() -> (candidates: [String], first: Int) {
        if !isProtected { return (route.members, RoundRobinBalancer().first(of: route.nodes, route: route, now: now)) }
        let balancer = LeastCostBalancer()
        guard let (well, ejected) = table.split(route.nodes, now: now) else {
            return (route.members, balancer.first(of: route.nodes, route: route, now: now))
        }
        let first = balancer.first(of: well, route: route, now: now)
        return ((Array(well[first...] + well[..<first]) + ejected).map(\.name), 0)
    }

    private mutating func step(_ call: Int) {
        switch calls[call].plan.next(now: now / 1000) {
        case .ask(let node, let timeoutMilliseconds):
            calls[call].attempt += 1
            calls[call].node = Int(node)!
            calls[call].sent = now
            attempts += 1
            route.nodes[calls[call].node].began()
            let deadline = now + UInt64(timeoutMilliseconds) * 1000
            schedule(.timeout(call: call, attempt: calls[call].attempt), at: deadline)
            receive(Request(call: call, attempt: calls[call].attempt, deadline: deadline), at: calls[call].node)
        case .wait(let milliseconds): schedule(.round(call: call), at: now + milliseconds * 1000)
        case .fail: calls[call].hasEnded = true
        }
    }

    private mutating func ended(_ call: Int, _ attempt: Int, _ error: RPCError?) {
        guard !calls[call].hasEnded, calls[call].attempt == attempt, calls[call].sent > 0 else { return }
        let (node, sent) = (route.nodes[calls[call].node], calls[call].sent)
        calls[call].sent = 0
        guard let error else {
            node.answered(began: sent, now: now)
            table.answered(node, now: now)
            calls[call].answeredAt = now
            calls[call].hasEnded = true
            return
        }
        node.ended(waited: error.code == .deadlineExceeded ? now - sent : nil, now: now)
        table.failed(node, isSilence: error.code == .deadlineExceeded, now: now)
        let mayRepeat = !isProtected || budget.take(requests: UInt64(calls.count), now: now)
        calls[call].plan.failed(node.name, error, mayRepeat: mayRepeat)
        step(call)
    }

    // MARK: Servers

    private mutating func receive(_ request: Request, at server: Int) {
        if isProtected, queues[server].count >= Self.mostWaiting {
            busyUntil[server] = max(busyUntil[server], now) + Self.refusalMicroseconds
            return schedule(.answer(call: request.call, attempt: request.attempt, Self.overloaded), at: now + 200)
        }
        queues[server].append(request)
        if !isBusy[server] { serve(server) }
    }

    private mutating func serve(_ server: Int) {
        isBusy[server] = true
        busyUntil[server] = max(busyUntil[server], now) + Self.serviceMicroseconds
        schedule(.served(server: server), at: busyUntil[server])
    }

    private mutating func served(_ server: Int) {
        if busyUntil[server] > now { return schedule(.served(server: server), at: busyUntil[server]) }
        let done = queues[server].removeFirst()
        schedule(.answer(call: done.call, attempt: done.attempt, nil), at: now)
        if isProtected {
            while let next = queues[server].first, next.deadline <= now { queues[server].removeFirst() }
        }
        isBusy[server] = false
        if !queues[server].isEmpty { serve(server) }
    }
}
