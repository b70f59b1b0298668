import KVClient
import KVCore
import KVWire
import Testing

@Suite struct ReadTests {
    @Test func asksOneReplicaWhenItAnswers() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.store("v", at: "n1")
        #expect(try await cluster.get() == "v")
        #expect(cluster.network.arrivals.map(\.node) == ["n1"])
    }

    @Test func aMissingKeyIsAnAnswer() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        #expect(try await cluster.get() == nil)
        #expect(cluster.network.arrivals.count == 1)
    }

    @Test func failsOverInOrderAndAsksEachOnce() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        cluster.network.script("n1", .fail(refused))
        cluster.network.script("n2", .fail(RPCError(.internal, "broken")))
        cluster.store("v", at: "n3")
        #expect(try await cluster.get() == "v")
        #expect(cluster.network.arrivals.map(\.node) == ["n1", "n2", "n3"])
    }

    @Test func aHungReplicaCostsItsShareAndIsThenAvoided() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .hang)
        cluster.store("v", at: "n2")
        let start = cluster.time.monotonicMilliseconds
        #expect(try await cluster.get() == "v")
        #expect(cluster.time.monotonicMilliseconds == start + 250)
        for _ in 0..<10 { #expect(try await cluster.get() == "v") }
        #expect(cluster.network.arrivals(at: "n1").count == 1)
    }

    /// After a while one read tries the node again, and no other until that one's outcome is known.
    @Test func aHungReplicaIsProbedByOneReadAndComesBack() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .hang, .hang, .serve)
        cluster.store("v", at: "n1", "n2")
        _ = try await cluster.get()
        let failedAt = cluster.time.monotonicMilliseconds
        cluster.time.advance(to: failedAt + Ejection.firstMilliseconds)
        _ = try await cluster.get()
        #expect(cluster.network.arrivals(at: "n1").count == 2)
        _ = try await cluster.get()
        #expect(cluster.network.arrivals(at: "n1").count == 2)
        cluster.time.advance(to: cluster.time.monotonicMilliseconds + 2 * Ejection.firstMilliseconds)
        _ = try await cluster.get()
        _ = try await cluster.get()
        #expect(cluster.network.arrivals(at: "n1").count == 4)
    }

    @Test func theLastErrorStandsForAllAndNamesEachReplica() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .fail(refused))
        cluster.network.script("n2", .fail(RPCError(.internal, "broken")))
        let failure = await #expect(throws: CallFailure.self) { try await cluster.get() }
        #expect(failure?.code == .internal)
        #expect(failure?.replicas.map(\.node) == ["n1", "n2"])
        #expect(failure?.message.contains("n1: UNAVAILABLE: connection refused") == true)
        #expect(failure?.isIndeterminate == false)
    }

    @Test func anErrorOfTheRequestIsNotTriedElsewhere() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .fail(RPCError(.invalidArgument, "too long")))
        await #expect(throws: CallFailure.self) { try await cluster.get() }
        #expect(cluster.network.arrivals.count == 1)
    }

    @Test func goesRoundAgainWhenReplicasAreNotReadyYet() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .fail(notReady), .serve)
        cluster.network.script("n2", .fail(notReady))
        cluster.store("v", at: "n1")
        let start = cluster.time.monotonicMilliseconds
        #expect(try await cluster.get() == "v")
        #expect(cluster.network.arrivals.map(\.node) == ["n1", "n2", "n1"])
        #expect(cluster.time.monotonicMilliseconds == start + 20)
    }

    @Test func neverReadyEndsByTheDeadline() async throws {
        let cluster = try TestCluster(["n1"])
        cluster.network.script("n1", .fail(notReady))
        let start = cluster.time.monotonicMilliseconds
        let failure = await #expect(throws: CallFailure.self) { try await cluster.get() }
        #expect(failure?.code == .unavailable)
        #expect(cluster.time.monotonicMilliseconds <= start + 1000)
    }

    /// The new owner is still copying; the node it copies from is in no map of this client any more.
    @Test func asksThePreviousOwnerThatAnErrorNames() async throws {
        let cluster = try TestCluster(["n1"])
        var error = notReady
        error.view = View(shard: 1, epoch: 1, members: [View.Member(node: "old", address: "127.0.0.1", port: 9)])
        cluster.network.script("n1", .fail(error))
        cluster.store("v", at: "old")
        #expect(try await cluster.get() == "v")
        #expect(cluster.network.arrivals.map(\.node) == ["n1", "old"])
        #expect(cluster.network.learned.map(\.node) == ["old"])
    }

    @Test func aMapChangeTakesEffectAtOnce() async throws {
        let cluster = try TestCluster(["n1"])
        cluster.store("v", at: "n2")
        #expect(try await cluster.get() == nil)
        cluster.client.follow(try TestCluster.map(["n2"]))
        #expect(try await cluster.get() == "v")
        cluster.client.follow(try TestCluster.map([]))
        let failure = await #expect(throws: CallFailure.self) { try await cluster.get() }
        #expect(failure?.code == .unavailable)
        #expect(failure?.message == "shard 1 has no node in the shard map")
    }

    @Test func theMapMayChangeWithinACall() async throws {
        let cluster = try TestCluster(["n1"])
        cluster.network.script("n1", .fail(RPCError(.notFound, "not here", reason: .notHosted)))
        cluster.store("v", at: "n2")
        let (client, map) = (cluster.client, try TestCluster.map(["n2"]))
        cluster.time.onSleep { client.follow(map) }
        #expect(try await cluster.get() == "v")
    }

    @Test func anEmptyKeyIsRefusedHere() async throws {
        let cluster = try TestCluster(["n1"])
        let failure = await #expect(throws: CallFailure.self) { try await cluster.get("") }
        #expect(failure?.code == .invalidArgument)
        #expect(cluster.network.arrivals.isEmpty)
    }

    @Test(arguments: [RandomBalancer(), RoundRobinBalancer(), LeastCostBalancer()] as [any Balancer])
    func spreadsReadsOverTwoReplicas(balancer: any Balancer) async throws {
        let cluster = try TestCluster(["n1", "n2"], balancer: balancer)
        for _ in 0..<1000 { _ = try await cluster.get() }
        let share = cluster.network.arrivals(at: "n1").count
        #expect((350...650).contains(share))
    }

    /// A dead node's reads are shared by all others, not left to its neighbour.
    @Test func spreadsADeadNodesReads() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"], balancer: RoundRobinBalancer())
        cluster.network.script("n1", .fail(refused))
        for _ in 0..<1000 { _ = try await cluster.get() }
        #expect((450...550).contains(cluster.network.arrivals(at: "n2").count))
        #expect(cluster.network.arrivals(at: "n1").count <= 2)
    }
}
