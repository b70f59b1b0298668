internal import KVCore
package import KVSharding
package import KVWire
internal import Synchronization

/// Gets, sets and deletes keys of a cluster: routes by the views that servers tell and by the shard map, balances and fails over
/// reads, sends writes to all replicas.
///
/// Generic over what it does not own, so that the same code runs over sockets and over a simulated network.
package final class ClusterClient<Sender: ClusterSender, Time: ClientTime>: Sendable {
    package let sender: Sender
    package let time: Time
    package let clock: VersionClock
    package let nodes: NodeTable
    package let amplification: Amplification
    let balancer: any Balancer
    let attemptMilliseconds: UInt64
    let jitter: Jitter
    let hedging: Hedging
    private let routing: Mutex<Routing>
    private let tells = Mutex<Set<Tell>>([])
    let pendingWrites = PendingWrites()
    let mapFetch: MapFetch
    let observer: (any ClientObserver)?

    /// - Parameters:
    ///   - map: nil = to be fetched from one of the `seeds`, when it is first needed.
    ///   - epoch: the map's; 0 = unknown.
    ///   - seeds: names under which the sender reaches servers before there is a map.
    ///   - nodes: where the nodes' conditions are kept.
    ///   - attemptMilliseconds: the longest that a read waits for one replica while there is another to ask.
    ///   - hedgeMilliseconds: the longest that a hedged read waits before it asks a second replica.
    ///   - limitsRepetitions: false = without the budget, to show what it is for.
    ///   - observer: is told what happens.
    package init(
        map: ShardMap?,
        epoch: UInt64 = 0,
        seeds: [String] = [],
        sender: Sender,
        time: Time,
        clock: VersionClock,
        balancer: any Balancer,
        nodes: NodeTable = NodeTable(),
        attemptMilliseconds: UInt64,
        hedgeMilliseconds: UInt64 = 50,
        jitter: Jitter = .full,
        limitsRepetitions: Bool = true,
        observer: (any ClientObserver)? = nil
    ) {
        self.nodes = nodes
        self.jitter = jitter
        self.observer = observer
        amplification = Amplification(now: time.monotonicMicroseconds, isLimited: limitsRepetitions)
        hedging = Hedging(longestMilliseconds: hedgeMilliseconds)
        routing = Mutex(Routing(map, epoch: epoch, nodes: nodes))
        mapFetch = MapFetch(seeds: seeds)
        self.sender = sender
        self.time = time
        self.clock = clock
        self.balancer = balancer
        self.attemptMilliseconds = attemptMilliseconds
    }

    /// Nil = it was not fetched yet.
    package var shardMap: ShardMap? { routing.withLock { $0.map } }

    /// The map's epoch; 0 = unknown, nil = there is no map.
    package var mapEpoch: UInt64? { routing.withLock { $0.map == nil ? nil : $0.epoch } }

    /// The next attempt of every call is routed by `map`; a write that waits for a node which it took away begins anew.
    /// - Parameter epoch: the map's; 0 = unknown.
    package func follow(_ map: ShardMap, epoch: UInt64 = 0) {
        sender.follow(map)
        for seed in mapFetch.seeds {
            guard let address = NodeAddress(parsing: seed) else { continue }
            sender.learn(View.Member(node: seed, address: address.host, port: UInt16(address.port)))
        }
        let members = routing.withLock { routing in
            routing.follow(map, epoch: epoch)
            return routing.viewMembers
        }
        for member in members { sender.learn(member) }
        nodes.keep { name in map.nodes[name] != nil || members.contains { $0.node == name } }
        pendingWrites.post(.routeChanged)
    }

    /// The replicas of a key; at least one. Fetches the map if there is none yet.
    @inline(__always)
    func route(of key: [UInt8], deadline: UInt64) async throws(CallFailure) -> Route {
        if let route = routing.withLock({ $0.route(ofKey: key) }) { return try Self.check(route) }
        return try await fetchedRoute(of: key, deadline: deadline)
    }

    private func fetchedRoute(of key: [UInt8], deadline: UInt64) async throws(CallFailure) -> Route {
        try await fetchMap(deadline: deadline)
        return try route(of: key)
    }

    /// The replicas of a key; at least one.
    package func route(of key: [UInt8]) throws(CallFailure) -> Route {
        guard let route = routing.withLock({ $0.route(ofKey: key) }) else {
            throw CallFailure(.unavailable, "there is no shard map yet")
        }
        return try Self.check(route)
    }

    private static func check(_ route: Route) throws(CallFailure) -> Route {
        if route.members.isEmpty {
            throw CallFailure(.unavailable, "shard \(route.shard) has no node in the shard map")
        }
        return route
    }

    /// Learns from a replica's error.
    /// - Parameters:
    ///   - shard: of which it was asked something; 0 = of none.
    ///   - view: by which it was asked.
    @discardableResult
    package func report(
        _ error: RPCError,
        of node: String,
        shard: Int = 0,
        view: UInt64 = ViewIdentifier.none
    ) -> Routing.Lesson {
        if error.isFaultOfNode {
            nodes.failed(nodes.state(of: node), isSilence: error.isSilence, now: time.monotonicMicroseconds)
        }
        let lesson = error.view.map(learn) ?? .nothing
        if shard > 0 {
            if error.isSilence { routing.withLock { $0.doubt(view, of: shard, isUnreachable: nodes.isEjected) } }
            // A member that does not know the shard: the view is over, unless it is the member that is behind.
            if error.reason == .notHosted, lesson != .outdated {
                routing.withLock { $0.doubt(view, of: shard) { _ in true } }
            }
        }
        return lesson
    }

    /// Takes one request beyond those that callers asked for.
    func mayRepeat() -> Bool {
        let now = time.monotonicMicroseconds
        let isAllowed = amplification.take(now: now)
        if let observer { observer.wantedToRepeat(isAllowed: isAllowed, left: amplification.saved(now: now)) }
        return isAllowed
    }

    @discardableResult
    private func learn(_ view: View) -> Routing.Lesson {
        for member in view.members { sender.learn(member) }
        let lesson = routing.withLock { $0.learn(view) }
        if lesson == .news {
            pendingWrites.post(.routeChanged)
            noticeEpoch(view.epoch)
        }
        return lesson
    }

    func view(of shard: Int) -> View? { routing.withLock { $0.view(of: shard) } }

    /// Tells a server, whose view is older, what this client knows, and learns what it then says. Returns at once. Callers
    /// that come while it is being told have nothing to add.
    func tell(_ node: String, shard: Int) {
        guard let view = view(of: shard), tells.withLock({ $0.insert(Tell(node: node, shard: shard)).inserted })
        else { return }
        let timeout = UInt32(clamping: attemptMilliseconds)
        _ = sender.start(view, to: node, timeoutMilliseconds: timeout) { result in
            self.tells.withLock { _ = $0.remove(Tell(node: node, shard: shard)) }
            if case .success(let view) = result { self.learn(view) }
        }
    }

    static func check(key: [UInt8]) throws(CallFailure) {
        if key.isEmpty { throw CallFailure(.invalidArgument, "the key is empty") }
    }
}

/// A server that is being told of a shard's view.
private struct Tell: Hashable {
    let node: String
    let shard: Int
}

func saturatingSum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
}
