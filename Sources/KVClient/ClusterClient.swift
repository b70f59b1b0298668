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
    package let health = NodeHealth()
    private let balancer: any Balancer
    let attemptMilliseconds: UInt64
    private let routing: Mutex<Routing>
    let pendingWrites = PendingWrites()
    let mapFetch: MapFetch

    /// - Parameters:
    ///   - map: nil = to be fetched from one of the `seeds`, when it is first needed.
    ///   - epoch: the map's; 0 = unknown.
    ///   - seeds: names under which the sender reaches servers before there is a map.
    ///   - attemptMilliseconds: the longest that a read waits for one replica while there is another to ask.
    package init(
        map: ShardMap?,
        epoch: UInt64 = 0,
        seeds: [String] = [],
        sender: Sender,
        time: Time,
        clock: VersionClock,
        balancer: any Balancer,
        attemptMilliseconds: UInt64
    ) {
        routing = Mutex(Routing(map, epoch: epoch))
        mapFetch = MapFetch(seeds: seeds)
        self.sender = sender
        self.time = time
        self.clock = clock
        self.balancer = balancer
        self.attemptMilliseconds = attemptMilliseconds
    }

    /// Nil = it was not fetched yet.
    package var shardMap: ShardMap? { routing.withLock { $0.map } }

    /// The next attempt of every call is routed by `map`; a write that waits for a node which it took away begins anew.
    /// - Parameter epoch: the map's; 0 = unknown.
    package func follow(_ map: ShardMap, epoch: UInt64 = 0) {
        sender.follow(map)
        let members = routing.withLock { routing in
            routing.follow(map, epoch: epoch)
            return routing.viewMembers
        }
        for member in members { sender.learn(member) }
        health.keep { name in map.nodes[name] != nil || members.contains { $0.node == name } }
        pendingWrites.post(.routeChanged)
    }

    /// Reads from one replica after the other until one answers.
    package func get(
        _ request: GetRequest,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) -> GetResponse {
        try Self.check(key: request.key)
        let now = time.monotonicMilliseconds
        let deadline = saturatingSum(now, timeoutMilliseconds)
        var route = try await route(of: request.key, deadline: deadline)
        let (candidates, first) = order(route, now: now)
        var plan = ReadPlan(
            candidates: candidates,
            first: first,
            deadline: deadline,
            attemptMilliseconds: attemptMilliseconds
        )
        var step = plan.next(now: now)
        while true {
            switch step {
            case .ask(let node, let timeoutMilliseconds):
                do throws(RPCError) {
                    let response = try await sender.send(request, to: node, timeoutMilliseconds: timeoutMilliseconds)
                    health.answered(node)
                    return response
                } catch {
                    report(error, of: node, shard: route.shard, view: route.view)
                    plan.failed(node, error, isRerouted: try self.route(of: request.key).differs(from: route))
                }
            case .wait(let milliseconds):
                do { try await time.sleep(milliseconds: milliseconds) } catch {
                    throw CallFailure(.cancelled, "the call was cancelled")
                }
                route = try self.route(of: request.key)
                let (candidates, first) = order(route, now: time.monotonicMilliseconds)
                plan.beginRound(candidates: candidates, first: first)
            case .fail(let failure):
                throw failure
            }
            step = plan.next(now: time.monotonicMilliseconds)
        }
    }

    /// A route's members, and the index of the first to ask; the others follow, around the end. Those to avoid are last.
    func order(_ route: Route, now: UInt64) -> (candidates: [String], first: Int) {
        guard let (well, avoided) = health.split(route.members, now: now), !well.isEmpty else {
            return (route.members, balancer.first(of: route.members, route: route))
        }
        let first = balancer.first(of: well, route: route)
        return (Array(well[first...] + well[..<first]) + avoided, 0)
    }

    /// The replicas of a key; at least one. Fetches the map if there is none yet.
    func route(of key: [UInt8], deadline: UInt64) async throws(CallFailure) -> Route {
        if let route = routing.withLock({ $0.route(ofKey: key) }) { return try Self.check(route) }
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
        if error.isSilence {
            health.failed(node, now: time.monotonicMilliseconds)
            if shard > 0 { routing.withLock { $0.doubt(view, of: shard, isUnreachable: health.isAvoided) } }
        }
        guard let view = error.view else { return .nothing }
        return learn(view, reason: error.reason)
    }

    @discardableResult
    private func learn(_ view: View, reason: Reason) -> Routing.Lesson {
        for member in view.members { sender.learn(member) }
        let lesson = routing.withLock { $0.learn(view, reason: reason) }
        if lesson == .news { pendingWrites.post(.routeChanged) }
        return lesson
    }

    /// Tells a server, whose view is older, what this client knows, and learns what it then says. Returns at once.
    func tell(_ node: String, shard: Int) {
        guard let view = routing.withLock({ $0.view(of: shard) }) else { return }
        let timeout = UInt32(clamping: attemptMilliseconds)
        _ = sender.start(view, to: node, timeoutMilliseconds: timeout) { result in
            if case .success(let view) = result { self.learn(view, reason: .wrongView) }
        }
    }

    static func check(key: [UInt8]) throws(CallFailure) {
        if key.isEmpty { throw CallFailure(.invalidArgument, "the key is empty") }
    }
}

func saturatingSum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
}
