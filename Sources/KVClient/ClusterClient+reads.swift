internal import KVCore
package import KVWire

extension ClusterClient {
    /// Reads from one replica after the other until one answers.
    /// - Parameter isHedged: ask a second one while the first takes unusually long.
    package func get(
        _ request: GetRequest,
        isHedged: Bool = false,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) -> GetResponse {
        try Self.check(key: request.key)
        amplification.count()
        let began = time.monotonicMicroseconds
        let deadline = saturatingSum(began / 1000, timeoutMilliseconds)
        let route = try await route(of: request.key, deadline: deadline)
        let (candidates, first) = order(route, now: began)
        let plan = ReadPlan(
            candidates: candidates,
            first: first,
            deadline: deadline,
            attemptMilliseconds: attemptMilliseconds,
            jitter: jitter
        )
        if isHedged, candidates.count > 1 { return try await hedge(request, route, plan, began: began) }
        return try await go(on: plan, request, route, began: began)
    }

    /// Asks one replica at a time.
    /// - Parameter began: now, in microseconds.
    @inline(__always)
    func go(
        on plan: consuming ReadPlan,
        _ request: GetRequest,
        _ route: Route,
        began: UInt64
    ) async throws(CallFailure) -> GetResponse {
        var (route, now) = (route, began)
        while true {
            switch plan.next(now: now / 1000) {
            case .ask(let name, let timeoutMilliseconds):
                let node = state(of: name, route)
                let sent = now
                begin(node, .get)
                do throws(RPCError) {
                    let response = try await sender.send(request, to: name, timeoutMilliseconds: timeoutMilliseconds)
                    answered(node, .get, sent: sent)
                    return response
                } catch {
                    now = time.monotonicMicroseconds
                    ended(node, error, sent: sent, now: now)
                    try failed(name, error, of: request, route, &plan)
                }
            case .wait(let milliseconds):
                do { try await time.sleep(milliseconds: milliseconds) } catch {
                    throw CallFailure(.cancelled, "the call was cancelled")
                }
                now = time.monotonicMicroseconds
                route = try self.route(of: request.key)
                let (candidates, first) = order(route, now: now)
                plan.beginRound(candidates: candidates, first: first)
            case .fail(let failure):
                throw failure
            }
        }
    }

    /// A replica failed: learns from its error, tells it what it does not know, and asks the budget what may follow.
    func failed(
        _ name: String,
        _ error: RPCError,
        of request: GetRequest,
        _ route: Route,
        _ plan: inout ReadPlan
    ) throws(CallFailure) {
        let lesson = report(error, of: name, shard: route.shard, view: route.view)
        var error = error
        if lesson == .outdated {
            tell(name, shard: route.shard)
            // Whom it names are the owners no longer.
            error.view = nil
        }
        plan.failed(
            name,
            error,
            isRerouted: try self.route(of: request.key).differs(from: route),
            mayRepeat: error.endsCall || error.isRedirect || error.isUnsent || mayRepeat()
        )
    }

    /// A route's members, and the index of the first to ask; the others follow, around the end. Those to leave out are last.
    /// - Parameter now: in microseconds.
    func order(_ route: Route, now: UInt64) -> (candidates: [String], first: Int) {
        guard let (well, ejected) = nodes.split(route.nodes, now: now) else {
            return (route.members, balancer.first(of: route.nodes, route: route, now: now))
        }
        let first = balancer.first(of: well, route: route, now: now)
        return ((Array(well[first...] + well[..<first]) + ejected).map(\.name), 0)
    }

    /// The condition of a node, which is on the route, as a rule.
    func state(of name: String, _ route: Route) -> NodeState {
        for index in route.members.indices where route.members[index] == name { return route.nodes[index] }
        return nodes.state(of: name)
    }

    // MARK: What a request shows of its node

    func begin(_ node: NodeState, _ method: Method) {
        node.began()
        if let observer { observer.asked(node.name, method) }
    }

    /// - Parameter sent: when it left, in microseconds.
    /// - Returns: now.
    @discardableResult
    func answered(_ node: NodeState, _ method: Method, sent: UInt64) -> UInt64 {
        let now = time.monotonicMicroseconds
        node.answered(began: sent, now: now)
        nodes.answered(node, now: now)
        if let observer { observer.answered(node.name, method, microseconds: now - min(now, sent)) }
        return now
    }

    /// A request failed, or was left.
    func ended(_ node: NodeState, _ error: RPCError, sent: UInt64, now: UInt64) {
        // A refusal is quick whatever the node is like.
        let waited = error.code == .deadlineExceeded || error.code == .cancelled ? now - min(now, sent) : nil
        node.ended(waited: waited, now: now)
        if let observer { observer.failed(node.name, error) }
    }
}
