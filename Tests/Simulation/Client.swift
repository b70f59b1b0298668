internal import KVClient
internal import KVCore
package import KVHistory
internal import KVService
package import KVSharding
internal import KVWire

/// A client put together of the state machines that the library's own client consists of, over the simulated network. It records all
/// that its callers did and saw.
package final class Client {
    static let attemptMilliseconds: UInt64 = 250
    static let callMilliseconds: UInt64 = 1000

    package let name: String
    let cluster: Cluster
    /// Of this client's own, so that its calls do not move other clients'.
    var random: SeededRandom
    let clock: VersionClock
    let health = NodeHealth()
    private var routing: Routing
    /// The lives of processes whose HELLO was seen.
    private var greeted: [String: UInt64] = [:]
    /// Writes that wait, to be told when their route changes.
    private var waiting: [Int: () -> Void] = [:]
    private var lastPlace = 0

    package internal(set) var writes: [Write] = []
    package internal(set) var reads: [Read] = []
    package internal(set) var failedReads = 0

    /// - Parameter clockOffset: how far its wall clock is wrong.
    package init(_ name: String, cluster: Cluster, map: ShardMap, epoch: UInt64, clockOffset: Int64, seed: UInt64) {
        self.name = name
        self.cluster = cluster
        random = SeededRandom(seed: seed)
        clock = VersionClock(
            writer: random.next(),
            wallMilliseconds: UInt64(Int64(cluster.now) + clockOffset),
            now: cluster.now
        )
        routing = Routing(map, epoch: epoch)
    }

    package func follow(_ map: ShardMap, epoch: UInt64) {
        guard epoch > routing.epoch else { return }
        routing.follow(map, epoch: epoch)
        health.keep { name in
            map.nodes[name] != nil || routing.viewMembers.contains { $0.node == name }
        }
        routeChanged()
    }

    // MARK: Routes

    func route(of key: [UInt8]) -> Route {
        guard let route = routing.route(ofKey: key) else { preconditionFailure("a client begins with a map") }
        return route
    }

    /// A route's members in the order to ask them: those to avoid are last.
    func candidates(_ route: Route) -> [String] {
        guard let (well, avoided) = health.split(route.members, now: cluster.now), !well.isEmpty else {
            return turned(route.members)
        }
        return turned(well) + avoided
    }

    private func turned(_ members: [String]) -> [String] {
        guard !members.isEmpty else { return [] }
        let first = random.number(0...members.count - 1)
        return Array(members[first...] + members[..<first])
    }

    /// Learns from a replica's error.
    func report(_ error: RPCError, of node: String, _ shard: Int, _ view: UInt64) -> Routing.Lesson {
        if error.isSilence {
            health.failed(node, now: cluster.now)
            if shard > 0 { routing.doubt(view, of: shard, isUnreachable: health.isAvoided) }
        }
        guard let told = error.view else { return .nothing }
        return learn(told, reason: error.reason)
    }

    private func learn(_ view: View, reason: Reason) -> Routing.Lesson {
        let lesson = routing.learn(view, reason: reason)
        if lesson == .news { routeChanged() }
        return lesson
    }

    private func routeChanged() {
        // After what is being done now, as an event of its own.
        cluster.after(0) { [self] in
            for (_, tell) in waiting.sorted(by: { $0.key < $1.key }) { tell() }
        }
    }

    /// - Returns: the place to `leave`.
    func wait(_ tell: @escaping () -> Void) -> Int {
        lastPlace += 1
        waiting[lastPlace] = tell
        return lastPlace
    }

    func leave(_ place: Int) { waiting[place] = nil }

    /// Tells a server, whose view is older, what this client knows.
    func tell(_ node: String, shard: Int) {
        guard let view = routing.view(of: shard) else { return }
        cluster.send(view, from: name, to: node, timeoutMilliseconds: Self.attemptMilliseconds) { [self] result in
            if case .success(let view) = result { _ = learn(view, reason: .wrongView) }
        }
    }

    // MARK: Requests

    func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32,
        _ done: @escaping (Result<Request.Response, RPCError>) -> Void
    ) {
        cluster.send(request, from: name, to: node, timeoutMilliseconds: UInt64(timeoutMilliseconds)) { [self] result in
            if case .success = result {
                health.answered(node)
                greet(node)
            }
            done(result)
        }
    }

    /// Takes in the HELLO of a process that was not met before.
    package func greet(_ node: String) {
        guard let process = cluster.processes[node] else { return }
        let life = process.life
        if greeted.updateValue(life, forKey: node) == life { return }
        let hello = process.handler.hello(now: cluster.wall(node))
        clock.observe(hello.serverTimeMilliseconds, of: node, now: cluster.now)
    }
}
