internal import KVWire
internal import Synchronization

/// The nodes that a client has to do with. Those that are well cost a read one atomic load.
package final class NodeTable: Sendable {
    /// How many requests a node must have finished before its success rate says something.
    private static let fewestRequests: UInt64 = 20
    /// A node whose success rate is so far below the others' is an outlier.
    package static let outlierDistance = 0.3
    private static let windowMilliseconds: UInt64 = 5000

    private struct State {
        var nodes: [String: NodeState] = [:]
        /// When the window of the success rates began, and what was counted then.
        var windowBegin: UInt64 = 0
        var counted: [String: (finished: UInt64, failed: UInt64)] = [:]
    }

    private let state = Mutex(State())
    private let ejectedCount = Atomic(0)
    private let observer: (any ClientObserver)?

    /// - Parameter observer: is told of ejections and their ends.
    package init(observer: (any ClientObserver)? = nil) { self.observer = observer }

    package func state(of name: String) -> NodeState {
        state.withLock { state in
            if let node = state.nodes[name] { return node }
            let node = NodeState(name)
            state.nodes[name] = node
            return node
        }
    }

    package var all: [NodeState] { state.withLock { Array($0.nodes.values) } }

    /// Forgets nodes that are of no use any more.
    package func keep(_ isUsed: (String) -> Bool) {
        let gone = state.withLock { state in
            let gone = state.nodes.filter { !isUsed($0.key) }
            for name in gone.keys { state.nodes[name] = nil }
            return gone.values
        }
        // They count as ejected no longer.
        for node in gone where node.isEjected { change(node, now: 0) { $0.answered(now: 0) } }
    }

    package func isEjected(_ name: String) -> Bool { state.withLock { $0.nodes[name]?.isEjected ?? false } }

    /// The node answered. Costs a load unless it was ejected.
    package func answered(_ node: NodeState, now: UInt64) {
        guard node.isEjected else { return }
        change(node, now: now) { $0.answered(now: now / 1000) }
    }

    /// See `answered(_:now:)` for a node that is at hand.
    func answered(_ name: String, now: UInt64) {
        guard ejectedCount.load(ordering: .relaxed) > 0 else { return }
        answered(state(of: name), now: now)
    }

    /// A request to the node failed by its fault.
    package func failed(_ node: NodeState, isSilence: Bool, now: UInt64) {
        node.countFailure()
        let isOutlier = !isSilence && isOutlier(node, now: now / 1000)
        change(node, now: now) { ejection in
            ejection.failed(isSilence: isSilence, now: now / 1000)
            if isOutlier { ejection.eject(now: now / 1000) }
        }
    }

    private func change(_ node: NodeState, now: UInt64, _ body: (inout Ejection) -> Void) {
        let (before, after, _) = node.ejection(now: now, body)
        if before == after { return }
        ejectedCount.add(after ? 1 : -1, ordering: .relaxed)
        if after { observer?.ejected(node.name) } else { observer?.returned(node.name) }
    }

    /// Whether the node succeeds far less often than the others do, in the last seconds.
    private func isOutlier(_ node: NodeState, now: UInt64) -> Bool {
        state.withLock { state in
            if now >= state.windowBegin + Self.windowMilliseconds {
                state.windowBegin = now
                state.counted = state.nodes.mapValues { ($0.finished, $0.failed) }
            }
            var (own, others): (Double?, [Double]) = (nil, [])
            for (name, other) in state.nodes {
                let before = state.counted[name] ?? (0, 0)
                let finished = other.finished &- before.finished
                guard finished >= Self.fewestRequests else { continue }
                let rate = 1 - Double(other.failed &- before.failed) / Double(finished)
                if other === node { own = rate } else { others.append(rate) }
            }
            guard let own, !others.isEmpty else { return false }
            return own < others.reduce(0, +) / Double(others.count) - Self.outlierDistance
        }
    }

    /// `nodes` without those to leave out now, and those; a node that is due for a probe counts as well, once. At most half
    /// of them are left out: of more, those that may be tried soonest are not. Nil = all are well, the usual case.
    package func split(_ nodes: [NodeState], now: UInt64) -> (well: [NodeState], ejected: [NodeState])? {
        guard ejectedCount.load(ordering: .relaxed) > 0 else { return nil }
        var (well, ejected) = ([NodeState](), [NodeState]())
        for node in nodes {
            let isAdmitted = !node.isEjected || node.ejection(now: now) { $0.admit(now: now / 1000) }.2
            if isAdmitted { well.append(node) } else { ejected.append(node) }
        }
        if ejected.count > nodes.count / 2 {
            ejected.sort { $0.ejectedUntil > $1.ejectedUntil }
            well += ejected[(nodes.count / 2)...]
            ejected.removeSubrange((nodes.count / 2)...)
        }
        return ejected.isEmpty ? nil : (well, ejected)
    }
}
