internal import CoreMetrics
internal import KVClient
internal import KVWire
internal import Synchronization

/// A client's metrics through swift-metrics: docs/client.md lists them. Each is made once for each of its labels' values.
final class ClientMetrics: ClientObserver {
    private struct Name: Hashable {
        let metric: String
        let node: String
        /// What else tells it from others of the metric.
        let detail: String
    }

    private struct State {
        var timers: [Name: Timer] = [:]
        var counters: [Name: Counter] = [:]
    }

    private let factory: any MetricsFactory
    private let state = Mutex(State())
    private let hedges: Counter
    private let hedgesWon: Counter
    private let repairs: Counter
    private let budget: Gauge
    private let exhaustions: Counter

    init(_ factory: any MetricsFactory) {
        self.factory = factory
        hedges = Counter(label: "shardkv_client_hedges", factory: factory)
        hedgesWon = Counter(label: "shardkv_client_hedges_won", factory: factory)
        repairs = Counter(label: "shardkv_client_read_repairs", factory: factory)
        budget = Gauge(label: "shardkv_client_budget", factory: factory)
        exhaustions = Counter(label: "shardkv_client_budget_exhausted", factory: factory)
    }

    func asked(_ node: String, _ method: Method) {
        counter("shardkv_client_attempts", node, "operation", Self.name(method)).increment()
    }

    func answered(_ node: String, _ method: Method, microseconds: UInt64) {
        let name = Name(metric: "shardkv_client_latency", node: node, detail: Self.name(method))
        let timer = state.withLock { state in
            if let timer = state.timers[name] { return timer }
            let dimensions = [("node", node), ("operation", name.detail)]
            let timer = Timer(label: name.metric, dimensions: dimensions, factory: factory)
            state.timers[name] = timer
            return timer
        }
        timer.recordMicroseconds(microseconds)
    }

    func failed(_ node: String, _ error: RPCError) {
        counter("shardkv_client_failures", node, "code", error.code.name).increment()
    }

    func hedged() { hedges.increment() }

    func hedgeWon() { hedgesWon.increment() }

    func repaired(_ count: Int) { repairs.increment(by: count) }

    func ejected(_ node: String) { counter("shardkv_client_ejections", node).increment() }

    func returned(_ node: String) { counter("shardkv_client_returns", node).increment() }

    func wantedToRepeat(isAllowed: Bool, left: Double) {
        budget.record(left)
        if !isAllowed { exhaustions.increment() }
    }

    /// - Parameter label: the detail's; nil = there is none.
    private func counter(_ metric: String, _ node: String, _ label: String? = nil, _ detail: String = "") -> Counter {
        let name = Name(metric: metric, node: node, detail: detail)
        return state.withLock { state in
            if let counter = state.counters[name] { return counter }
            let dimensions = [("node", node)] + (label.map { [($0, detail)] } ?? [])
            let counter = Counter(label: metric, dimensions: dimensions, factory: factory)
            state.counters[name] = counter
            return counter
        }
    }

    private static func name(_ method: Method) -> String {
        switch method {
        case .get: "get"
        case .set: "set"
        case .delete: "delete"
        default: "other"
        }
    }
}
