internal import CoreMetrics
internal import KVClient
internal import KVWire
internal import Synchronization

/// A client's metrics through swift-metrics. Names begin with `shardkv_client_`; each is made once for each of its labels' values.
final class ClientMetrics: ClientObserver {
    private struct Label: Hashable {
        let node: String
        let detail: String
    }

    private struct State {
        var latencies: [Label: Timer] = [:]
        var failures: [Label: Counter] = [:]
    }

    private let factory: any MetricsFactory
    private let state = Mutex(State())
    private let hedges: Counter
    private let hedgesWon: Counter
    private let repairs: Counter

    init(_ factory: any MetricsFactory) {
        self.factory = factory
        hedges = Counter(label: "shardkv_client_hedges", factory: factory)
        hedgesWon = Counter(label: "shardkv_client_hedges_won", factory: factory)
        repairs = Counter(label: "shardkv_client_read_repairs", factory: factory)
    }

    func answered(_ node: String, _ method: Method, microseconds: UInt64) {
        let label = Label(node: node, detail: Self.name(method))
        let timer = state.withLock { state in
            if let timer = state.latencies[label] { return timer }
            let timer = Timer(
                label: "shardkv_client_latency",
                dimensions: [("node", label.node), ("operation", label.detail)],
                factory: factory
            )
            state.latencies[label] = timer
            return timer
        }
        timer.recordMicroseconds(microseconds)
    }

    func failed(_ node: String, _ error: RPCError) {
        let label = Label(node: node, detail: error.code.name)
        let counter = state.withLock { state in
            if let counter = state.failures[label] { return counter }
            let counter = Counter(
                label: "shardkv_client_failures",
                dimensions: [("node", label.node), ("code", label.detail)],
                factory: factory
            )
            state.failures[label] = counter
            return counter
        }
        counter.increment()
    }

    func hedged(won: Bool) {
        hedges.increment()
        if won { hedgesWon.increment() }
    }

    func repaired(_ count: Int) { repairs.increment(by: count) }

    private static func name(_ method: Method) -> String {
        switch method {
        case .get: "get"
        case .set: "set"
        case .delete: "delete"
        default: "other"
        }
    }
}
