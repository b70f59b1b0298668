package import KVSharding
package import KVWire
internal import Synchronization

/// Gets, sets and deletes keys of a cluster: routes by the shard map, balances and fails over reads, sends writes to
/// all replicas.
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

    /// - Parameters:
    ///   - epoch: the map's; 0 = unknown.
    ///   - attemptMilliseconds: the longest that a read waits for one replica while there is another to ask.
    package init(
        map: ShardMap,
        epoch: UInt64 = 0,
        sender: Sender,
        time: Time,
        clock: VersionClock,
        balancer: any Balancer,
        attemptMilliseconds: UInt64
    ) {
        routing = Mutex(Routing(map, epoch: epoch))
        self.sender = sender
        self.time = time
        self.clock = clock
        self.balancer = balancer
        self.attemptMilliseconds = attemptMilliseconds
    }

    package var shardMap: ShardMap { routing.withLock { $0.map } }

    /// The next attempt of every call is routed by `map`; a write that waits for a node which it took away begins anew.
    /// - Parameter epoch: the map's; 0 = unknown.
    package func follow(_ map: ShardMap, epoch: UInt64 = 0) {
        routing.withLock { $0.follow(map, epoch: epoch) }
        health.keep { map.nodes[$0] != nil }
        pendingWrites.post(.mapChanged)
    }

    /// Reads from one replica after the other until one answers.
    package func get(
        _ request: GetRequest,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) -> GetResponse {
        try Self.check(key: request.key)
        let now = time.monotonicMilliseconds
        let (candidates, first) = try route(request.key, now: now)
        var plan = ReadPlan(
            candidates: candidates,
            first: first,
            deadline: saturatingSum(now, timeoutMilliseconds),
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
                    report(error, of: node)
                    plan.failed(node, error)
                }
            case .wait(let milliseconds):
                do { try await time.sleep(milliseconds: milliseconds) } catch {
                    throw CallFailure(.cancelled, "the call was cancelled")
                }
                let (candidates, first) = try route(request.key, now: time.monotonicMilliseconds)
                plan.beginRound(candidates: candidates, first: first)
            case .fail(let failure):
                throw failure
            }
            step = plan.next(now: time.monotonicMilliseconds)
        }
    }

    /// The shard's members in the order to ask them: those to avoid last.
    private func route(_ key: [UInt8], now: UInt64) throws(CallFailure) -> (candidates: [String], first: Int) {
        let (shard, members) = try members(of: key)
        guard let (well, avoided) = health.split(members, now: now), !well.isEmpty else {
            return (members, balancer.first(of: members, shard: shard))
        }
        let first = balancer.first(of: well, shard: shard)
        return (Array(well[first...] + well[..<first]) + avoided, 0)
    }

    /// The replicas of a key; not empty.
    package func members(of key: [UInt8]) throws(CallFailure) -> (shard: Int, members: [String]) {
        let (shard, members) = routing.withLock { $0.members(ofKey: key) }
        if members.isEmpty { throw CallFailure(.unavailable, "shard \(shard) has no node in the shard map") }
        return (shard, members)
    }

    /// Learns from a replica's error.
    package func report(_ error: RPCError, of node: String) {
        if error.isSilence { health.failed(node, now: time.monotonicMilliseconds) }
        guard let view = error.view else { return }
        for member in view.members { sender.learn(member) }
        routing.withLock { $0.learn(from: error) }
    }

    static func check(key: [UInt8]) throws(CallFailure) {
        if key.isEmpty { throw CallFailure(.invalidArgument, "the key is empty") }
    }
}

func saturatingSum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
}
