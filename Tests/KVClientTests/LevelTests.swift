import KVClient
import KVCore
import KVSharding
import KVWire
import Synchronization
import Testing

/// How many replicas a call waits for, and what becomes of the others.
@Suite struct LevelTests {
    private let full = RPCError(.resourceExhausted, "full", reason: .memoryFull)

    private func eventually(_ condition: () -> Bool) async {
        for _ in 0..<100_000 where !condition() { await Task.yield() }
        #expect(condition())
    }

    @Test func counts() {
        #expect([1, 2, 3, 4, 5].map { ConsistencyLevel.one.count(of: $0) } == [1, 1, 1, 1, 1])
        #expect([1, 2, 3, 4, 5].map { ConsistencyLevel.quorum.count(of: $0) } == [1, 2, 2, 3, 3])
        #expect([1, 2, 3, 4, 5].map { ConsistencyLevel.all.count(of: $0) } == [1, 2, 3, 4, 5])
    }

    /// Two of three hang for good: one is enough at level one, a majority is not there.
    @Test(arguments: [(ConsistencyLevel.one, 2), (.quorum, 1)])
    func aWriteDoesNotWaitForMoreThanItsLevel(level: ConsistencyLevel, hung: Int) async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        for node in ["n2", "n3"].suffix(hung) { cluster.network.script(node, .hangForEver) }
        try await cluster.set("v", level)
        #expect(cluster.time.monotonicMilliseconds == 1000, "no time has passed")
        await eventually { Set(cluster.network.arrivals.map(\.node)) == ["n1", "n2", "n3"] }
    }

    /// The write is acknowledged, and goes on to the replica that was away, with the same version.
    @Test func aReplicaThatFailsFirstGetsTheWriteInTheBackground() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        cluster.network.script("n3", .fail(refused), .fail(moving), .serve)
        try await cluster.set("v", .quorum)
        await eventually { cluster.network.record("k", at: "n3") != nil }
        #expect(Set(cluster.network.arrivals.map(\.version)).count == 1)
    }

    /// n2 fails together with the answer that is enough: it is asked again all the same.
    @Test func aFailureBesideTheLastMissingAnswerIsNotForgotten() async throws {
        let (sender, time) = (PromptSender(), TestTime())
        let client = ClusterClient(
            map: try TestCluster.map(["n1", "n2"]),
            sender: sender,
            time: time,
            clock: VersionClock(writer: 42, wallMilliseconds: time.wallMilliseconds, now: time.monotonicMilliseconds),
            balancer: InOrder(),
            attemptMilliseconds: 250
        )
        let (key, value) = (Array("k".utf8), Array("v".utf8))
        try await client.set(key, value, ttlMilliseconds: 0, on: .replicas(.one), timeoutMilliseconds: 1000)
        await eventually { sender.asked == ["n1", "n2", "n2"] }
    }

    @Test func theBackgroundEndsByTheDeadline() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        cluster.network.script("n3", .fail(refused))
        try await cluster.set("v", .one)
        await eventually { cluster.network.arrivals.contains { $0.time > 1900 } }
        let count = cluster.network.arrivals.count
        for _ in 0..<1000 { await Task.yield() }
        #expect(cluster.network.arrivals.count == count)
        #expect(cluster.network.arrivals.allSatisfy { $0.time < 2000 })
    }

    @Test func aQuorumThatIsNotReachedIsIndeterminateIfAnyReplicaHasTheWrite() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        for node in ["n1", "n2", "n3"] { cluster.network.script(node, .fail(full)) }
        let refusal = await #expect(throws: CallFailure.self) { try await cluster.set("v", .quorum) }
        #expect(refusal?.isIndeterminate == false && refusal?.code == .resourceExhausted)
        cluster.network.script("n2", .serve)
        let failure = await #expect(throws: CallFailure.self) { try await cluster.set("v", .quorum) }
        #expect(failure?.isIndeterminate == true && failure?.code == .unknown)
    }

    /// Each of three replicas has another writer's version, each greater than the one before: all are older than this write.
    @Test func aWriteWinsOverAllThatItsReplicasHad() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        for (index, node) in ["n1", "n2", "n3"].enumerated() {
            let version = Version(milliseconds: cluster.time.wallMilliseconds + 100 * UInt64(index + 1), writer: 1)
            cluster.network.store(.init(version: version, value: [0], expiresAt: 0), "k", at: node)
        }
        try await cluster.set("v")
        for node in ["n1", "n2", "n3"] { #expect(cluster.network.record("k", at: node)?.value == Array("v".utf8)) }
    }

    @Test func aQuorumReadAsksAMajorityAndTakesTheNewest() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        cluster.store("old", at: "n1")
        try await cluster.client.set(
            Array("k".utf8),
            Array("new".utf8),
            ttlMilliseconds: 9,
            on: .node("n2"),
            timeoutMilliseconds: 9
        )
        let record = try #require(cluster.network.record("k", at: "n2"))
        let before = cluster.network.arrivals.count
        #expect(try await cluster.get("k", .quorum) == "new")
        #expect(
            cluster.network.arrivals.dropFirst(before).filter { $0.method == .get }.map(\.node).sorted() == [
                "n1", "n2",
            ]
        )
        await eventually { cluster.network.record("k", at: "n1") == record }
        #expect(cluster.network.record("k", at: "n3") == nil, "it was not asked")
    }

    @Test func aQuorumReadRepairsADeletedKeyToo() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.store("old", at: "n1")
        try await cluster.client.delete(Array("k".utf8), on: .node("n2"), timeoutMilliseconds: 1000)
        #expect(try await cluster.get("k", .quorum) == nil)
        await eventually { cluster.network.record("k", at: "n1")?.value == nil }
        #expect(cluster.network.record("k", at: "n1") == cluster.network.record("k", at: "n2"))
    }

    /// Its value is gone: a replica whose clock is behind would take nothing for it.
    @Test func aQuorumReadLeavesAnExpiredRecordToTheServers() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.store("old", at: "n1")
        let expired = TestNetwork.Record(version: Version(milliseconds: 2, writer: 1), value: nil, expiresAt: 9)
        cluster.network.store(expired, "k", at: "n2")
        #expect(try await cluster.get("k", .quorum) == nil)
        #expect(cluster.network.arrivals.allSatisfy { $0.method == .get })
    }

    @Test func aQuorumReadAsksOneMoreForEachThatFails() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        cluster.store("v", at: "n2", "n3")
        cluster.network.script("n1", .fail(refused))
        #expect(try await cluster.get("k", .quorum) == "v")
        cluster.network.script("n1", .hang)
        #expect(try await cluster.get("k", .quorum) == "v")
        cluster.network.script("n2", .fail(refused))
        let failure = await #expect(throws: CallFailure.self) { try await cluster.get("k", .quorum) }
        #expect(failure?.message.hasPrefix("1 of 3 replicas answered") == true)
        #expect(failure?.isIndeterminate == false)
    }

    /// n1 answers by the old view; its answer does not count beside one by the new view.
    @Test func aQuorumReadIsOfOneView() async throws {
        let (seven, eight) = (View(epoch: 7, ["n1": 1, "n2": 1]), View(epoch: 8, ["n2": 1, "n3": 1]))
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.serve(seven, at: "n1", "n2")
        cluster.store("old", at: "n1")
        #expect(try await cluster.get("k", .quorum) == "old")
        cluster.network.serve(eight, at: "n2", "n3")
        cluster.store("new", at: "n2", "n3")
        let before = cluster.network.arrivals.count
        #expect(try await cluster.get("k", .quorum) == "new")
        let last = cluster.network.arrivals.dropFirst(before).filter { $0.view == eight.identifier }
        #expect(last.map(\.node).sorted() == ["n2", "n3"])
    }

    @Test func aQuorumReadGoesOnWhileAShardMoves() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.store("v", at: "n1", "n2")
        cluster.network.script("n2", .fail(notReady), .serve)
        #expect(try await cluster.get("k", .quorum) == "v")
    }

    /// Whatever happens: the read ends by the deadline, and with answers of a majority of one phase's members alone.
    @Test(arguments: 0..<300)
    func quorumReadsKeepTheirRules(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var view: UInt64 = 10
        func someRoute() -> Route {
            view += 1
            let members = ["n1", "n2", "n3", "n4", "n5"].shuffled(using: &random)
            return Route(shard: 1, members: Array(members.prefix(Int.random(in: 1...5, using: &random))), view: view)
        }
        var route = someRoute()
        var plan = QuorumReadPlan(deadline: 1000, attemptMilliseconds: 250)
        var now: UInt64 = 0
        var pending: [QuorumReadPlan.Action] = []
        var asked: [Int: Set<String>] = [:]
        var answers: [Int: [String: Version]] = [:]
        var routes: [Int: Route] = [:]
        var step = plan.begin(route, candidates: route.members, now: now)
        for _ in 0..<10_000 {
            switch step {
            case .done(let result):
                let given = answers[plan.phase, default: [:]]
                let route = routes[plan.phase]!
                #expect(given.count == ConsistencyLevel.quorum.count(of: route.members.count))
                #expect(result.response.version == given.values.max())
                #expect(Set(result.behind) == Set(given.filter { $0.value < result.response.version }.keys))
                #expect(result.view == route.view)
                return
            case .fail: return
            case .perform(let actions):
                for case .ask(let node, let phase, let timeout) in actions {
                    let route = routes[phase] ?? route
                    routes[phase] = route
                    #expect(asked[phase, default: []].insert(node).inserted, "\(node) was asked twice in a phase")
                    #expect(route.members.contains(node) && now + UInt64(timeout) <= 1000)
                }
                pending += actions.filter { if case .tell = $0 { false } else { true } }
            }
            guard !pending.isEmpty else {
                Issue.record("the plan waits for nothing")
                return
            }
            switch pending.remove(at: Int.random(in: 0..<pending.count, using: &random)) {
            case .ask(let node, let phase, _):
                now = min(1000, now + UInt64.random(in: 0...20, using: &random))
                if Int.random(in: 0..<3, using: &random) > 0 {
                    let version = Version(time: UInt64.random(in: 0...3, using: &random), writer: 1)
                    answers[phase, default: [:]][node] = version
                    step = plan.answered(node: node, phase: phase, GetResponse(wasFound: true, version: version))
                } else {
                    let isNews = Int.random(in: 0..<4, using: &random) == 0
                    if isNews { route = someRoute() }
                    step = plan.failed(
                        node: node,
                        phase: phase,
                        [refused, notReady, moving].randomElement(using: &random)!,
                        lesson: isNews ? .news : .nothing,
                        route: route,
                        candidates: route.members,
                        now: now
                    )
                }
            case .wait(let phase, let milliseconds):
                now = min(1000, now + milliseconds)
                if Bool.random(using: &random) { route = someRoute() }
                step = plan.waited(phase: phase, route: route, candidates: route.members, now: now)
            case .tell: preconditionFailure("it needs no report")
            }
        }
        Issue.record("the plan does not end")
    }
}

/// Each request to start ends at once, so that a write finds all of its first answers together. n2 fails the first time.
private final class PromptSender: ClusterSender {
    private let nodes = Mutex<[String]>([])

    var asked: [String] { nodes.withLock { $0 } }

    func start<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32,
        _ completion: @escaping @Sendable (Result<Request.Response, RPCError>) -> Void
    ) -> @Sendable () -> Void {
        let isFirst = nodes.withLock { nodes in
            defer { nodes.append(node) }
            return !nodes.contains(node)
        }
        completion(node == "n2" && isFirst ? .failure(moving) : .success(MutationResponse() as! Request.Response))
        return {}
    }

    func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32
    ) async throws(RPCError) -> Request.Response {
        preconditionFailure("a write starts its requests")
    }

    func connect(to node: String, timeoutMilliseconds: UInt32) async throws(RPCError) {}

    func follow(_ map: ShardMap) {}

    func learn(_ member: View.Member) {}
}
