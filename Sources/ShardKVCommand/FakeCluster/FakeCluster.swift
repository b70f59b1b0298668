import KVCore
import KVSharding
import KVWire
import Synchronization

/// The nodes of a scenario, without I/O and without a clock: decides what each does with what it receives, and remembers
/// what it was asked.
final class FakeCluster: Sendable {
    /// What a node does about a frame.
    struct Reaction {
        var bytes: [UInt8] = []
        var delayMilliseconds: Int64 = 0
        /// The bytes go one by one.
        var isDripping = false
        /// Then the connection ends.
        var closes = false
    }

    /// A request that a node got.
    struct Request: Sendable {
        let command: Int
        let node: String
        let event: NodeEvent
        let arrivedAt: UInt64
        /// When the answer left; nil = none did.
        var answeredAt: UInt64?
        let timeoutMilliseconds: UInt32
        let version: Version
        let expiresAt: UInt64
        /// The version that the node said to be in place.
        var superseding: Version?
    }

    struct State {
        /// Of each node, by the shard.
        var views: [String: [Int: View]] = [:]
        var rules: [(rule: FaultRule, uses: [String: Int])] = []
        var stores: [String: FakeStore] = [:]
        /// The command under way, counted from 0.
        var command = 0
        /// The node that got the command's first request.
        var first: String?
        var requests: [Request] = []
        /// What no client may send.
        var violations: [String] = []
    }

    let state = Mutex(State())
    let map: ShardMap
    private let clockOffsetMilliseconds: Int64
    /// Of all nodes.
    private let ports: [String: Int]

    /// The nodes begin with the views that the map proposes.
    init(_ map: ShardMap, clockOffsetMilliseconds: Int64, ports: [String: Int]) {
        self.map = map
        self.clockOffsetMilliseconds = clockOffsetMilliseconds
        self.ports = ports
        for shard in map.shards { serve(shard, of: map) }
    }

    /// All nodes have the view of a shard that a map proposes, and each member has begun once.
    func serve(_ shard: Int, of map: ShardMap) {
        let members = map.members(of: shard).map { name in
            View.Member(node: name, address: "127.0.0.1", port: 0, incarnation: 1)
        }
        serve(View(shard: shard, epoch: map.epoch ?? 0, members: members))
    }

    /// All nodes have this view.
    func serve(_ view: View) {
        state.withLock { state in
            for node in ports.keys { serve(view, at: node, &state) }
        }
    }

    /// - Parameter view: its ports are filled in.
    func serve(_ view: View, at node: String, _ state: inout State) {
        var view = view
        for index in view.members.indices { view.members[index].port = UInt16(ports[view.members[index].node]!) }
        state.views[node, default: [:]][view.shard] = view
    }

    /// A client did what none may do.
    func violation(_ what: String) { state.withLock { $0.violations.append(what) } }

    /// The nodes' clock at a time of this machine's.
    func clock(_ wallMilliseconds: UInt64) -> UInt64 {
        UInt64(Int64(wallMilliseconds) + clockOffsetMilliseconds)
    }

    /// A client connected to a node. Nil = the node says nothing, ever.
    func connected(to node: String, wall: UInt64) -> Reaction? {
        state.withLock { state in
            let action = state.takeAction(node, .connect)
            var reaction = Reaction(delayMilliseconds: action.delayMilliseconds)
            let hello = Hello(
                serverTimeMilliseconds: clock(wall),
                limits: Limits(),
                node: node,
                serverVersion: "fake",
                mapEpoch: state.views[node]?.values.map(\.epoch).max() ?? 0
            )
            switch action.kind {
            case .hang: return nil
            case .cut: reaction.closes = true
            case .half:
                reaction.bytes = Array(frame(.hello, hello).dropLast())
                reaction.closes = true
            case .goAway(let error, _):
                reaction.bytes = frame(.goAway, error)
                reaction.closes = true
            default: reaction.bytes = frame(.hello, hello)
            }
            return reaction
        }
    }
}

extension FakeCluster.State {
    /// The rule that applies next, and how many of these events it has met at the node.
    private func rule(_ node: String, _ event: NodeEvent) -> Int? {
        // Before the first request of a command, the node that gets it is the first.
        rules.firstIndex { rule, uses in
            rule.events.contains(event) && rule.nodes.contains(node, first: first ?? node)
                && uses[node, default: 0] < rule.times
        }
    }

    func peekAction(_ node: String, _ event: NodeEvent) -> FaultAction {
        rule(node, event).map { rules[$0].rule.action } ?? FaultAction(kind: .honest)
    }

    mutating func takeAction(_ node: String, _ event: NodeEvent) -> FaultAction {
        guard let index = rule(node, event) else { return FaultAction(kind: .honest) }
        rules[index].uses[node, default: 0] += 1
        return rules[index].rule.action
    }
}

extension View {
    var identifier: UInt64 {
        ViewIdentifier.hash(epoch: epoch, members: members.map { (name: $0.node, incarnation: $0.incarnation) })
    }
}
