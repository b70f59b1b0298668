import KVClient
import KVCore
import KVWire
import Testing

@Suite struct WriteTests {
    @Test func reachesAllReplicasWithOneVersionAndDeadline() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        try await cluster.set("v", ttlMilliseconds: 5000)
        let records = ["n1", "n2", "n3"].map { cluster.network.record("k", at: $0) }
        #expect(Set(records).count == 1)
        let record = try #require(records[0])
        #expect(record.version.writer == 42)
        #expect(record.expiresAt == record.version.milliseconds + 5000)
    }

    @Test func deletesEverywhere() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        try await cluster.set("v")
        try await cluster.client.delete(Array("k".utf8), timeoutMilliseconds: 1000)
        #expect(cluster.network.record("k", at: "n1")?.value == nil)
        #expect(try await cluster.get() == nil)
    }

    @Test func negativeTTLAndEmptyKeyAreRefusedHere() async throws {
        let cluster = try TestCluster(["n1"])
        for (key, ttl) in [("k", -1), ("", 0)] as [(String, Int64)] {
            let failure = await #expect(throws: CallFailure.self) {
                try await cluster.set("v", key: key, ttlMilliseconds: ttl)
            }
            #expect(failure?.code == .invalidArgument)
        }
        #expect(cluster.network.arrivals.isEmpty)
    }

    @Test func aShardWithoutNodesIsAnError() async throws {
        let cluster = try TestCluster([])
        let failure = await #expect(throws: CallFailure.self) { try await cluster.set("v") }
        #expect(failure?.code == .unavailable)
        #expect(failure?.isIndeterminate == false)
    }

    @Test func aHungReplicaMakesItIndeterminate() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n2", .hang)
        let failure = await #expect(throws: CallFailure.self) { try await cluster.set("v") }
        #expect(failure?.code == .unknown)
        #expect(failure?.isIndeterminate == true)
        #expect(failure?.replicas.map(\.node) == ["n2"])
        #expect(failure?.replicas.first?.error.code == .deadlineExceeded)
        #expect(failure?.message.contains("written on n1") == true)
    }

    @Test func refusedByAllIsNotIndeterminate() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        let full = RPCError(.resourceExhausted, "full", reason: .memoryFull)
        cluster.network.script("n1", .fail(full))
        cluster.network.script("n2", .fail(full))
        let failure = await #expect(throws: CallFailure.self) { try await cluster.set("v") }
        #expect(failure?.code == .resourceExhausted)
        #expect(failure?.isIndeterminate == false)
        #expect(failure?.replicas.count == 2)
    }

    /// Always to all: the replica that is well gets the write though the other one refuses it.
    @Test func oneRefusalDoesNotKeepTheWriteFromTheOthers() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .fail(RPCError(.resourceExhausted, "full", reason: .memoryFull)))
        let failure = await #expect(throws: CallFailure.self) { try await cluster.set("v") }
        #expect(failure?.isIndeterminate == true)
        #expect(cluster.network.record("k", at: "n2") != nil)
    }

    @Test func waitsOutAReplicaThatRestarts() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n2", .fail(refused), .fail(refused), .serve)
        try await cluster.set("v")
        #expect(Set(cluster.network.arrivals.map(\.version)).count == 1)
        #expect(cluster.network.arrivals(at: "n1").count == 1)
        #expect(cluster.network.arrivals(at: "n2").count == 3)
    }

    @Test func resendsAfterALostConnectionWithTheSameVersion() async throws {
        let cluster = try TestCluster(["n1"])
        cluster.network.script("n1", .serveAndCut, .serve)
        try await cluster.set("v")
        #expect(cluster.network.arrivals.count == 2)
        #expect(Set(cluster.network.arrivals.map(\.version)).count == 1)
    }

    @Test func movingIsRetriedOnTheMapOfThen() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n2", .fail(moving))
        let (client, map) = (cluster.client, try TestCluster.map(["n1", "n3"]))
        cluster.time.onSleep { client.follow(map) }
        try await cluster.set("v")
        #expect(Set(cluster.network.arrivals.map(\.version)).count == 1)
        #expect(cluster.network.record("k", at: "n3") != nil)
        #expect(cluster.network.arrivals(at: "n1").count == 2, "the phase is redone on all members of the new map")
    }

    @Test func aSupersededWriteIsStampedAnewOnceAndWins() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        let ahead = TestNetwork.Record(
            version: Version(milliseconds: cluster.time.wallMilliseconds + 500, writer: 1),
            value: Array("other".utf8),
            expiresAt: 0
        )
        cluster.network.store(ahead, "k", at: "n2")
        try await cluster.set("v")
        for node in ["n1", "n2"] {
            let record = try #require(cluster.network.record("k", at: node))
            #expect(record.value == Array("v".utf8))
            #expect(record.version > ahead.version)
        }
        try await cluster.set("w")
        #expect(cluster.network.arrivals(at: "n2").count == 3, "the clock stays above what it has seen")
    }

    @Test func aStampFromTheFutureIsCorrectedByTheServersClock() async throws {
        let cluster = try TestCluster(["n1", "n2"], wallOffset: 9_000_000)
        let future = RPCError(.outOfRange, "ahead", reason: .future, serverTimeMilliseconds: 2_000_000)
        cluster.network.script("n1", .fail(future), .serve)
        cluster.network.script("n2", .fail(future), .serve)
        try await cluster.set("v", ttlMilliseconds: 1000)
        let record = try #require(cluster.network.record("k", at: "n1"))
        #expect(record.version.milliseconds == 2_000_000)
        #expect(record.expiresAt == 2_001_000)
        #expect(cluster.network.record("k", at: "n2") == record)
    }

    @Test func aStampThatStaysRefusedIsAnError() async throws {
        let cluster = try TestCluster(["n1"])
        let future = RPCError(.outOfRange, "ahead", reason: .future, serverTimeMilliseconds: 2_000_000)
        cluster.network.script("n1", .fail(future))
        let failure = await #expect(throws: CallFailure.self) { try await cluster.set("v") }
        #expect(failure?.code == .outOfRange)
        #expect(cluster.network.arrivals.count == 2)
    }

    @Test func cancellationEndsTheCallAndSaysSo() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n2", .fail(refused))
        let task = Task { try await cluster.set("v") }
        cluster.time.onSleep { task.cancel() }
        let failure = await #expect(throws: CallFailure.self) { try await task.value }
        #expect(failure?.code == .cancelled)
        #expect(failure?.isIndeterminate == true, "n1 has it")
    }

    @Test func oneNodeIsAskedOnceWhateverTheMapSays() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        let key = Array("k".utf8)
        try await cluster.client.set(key, [1], ttlMilliseconds: 0, on: .node("n3"), timeoutMilliseconds: 1000)
        #expect(cluster.network.arrivals.map(\.node) == ["n3"])
        cluster.network.script("n3", .fail(moving))
        let failure = await #expect(throws: CallFailure.self) {
            try await cluster.client.delete(key, on: .node("n3"), timeoutMilliseconds: 1000)
        }
        #expect(failure?.code == .unavailable)
        #expect(failure?.isIndeterminate == false)
        #expect(cluster.network.arrivals.count == 2)
    }

    /// n2 hangs for good; the write does not wait for it once the map has taken it away.
    @Test func aHungReplicaThatTheMapDropsIsNotWaitedFor() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n2", .hangForEver)
        let task = Task { try await cluster.set("v") }
        while cluster.network.arrivals.count < 2 { await Task.yield() }
        cluster.client.follow(try TestCluster.map(["n1", "n3"]))
        try await task.value
        #expect(cluster.network.record("k", at: "n3") != nil)
        #expect(Set(cluster.network.arrivals.map(\.version)).count == 1)
        #expect(cluster.time.monotonicMilliseconds == 1000, "no time has passed")
    }

    /// The map gives the shard to nobody while n2 has not answered: n1 has it.
    @Test func aShardThatLosesItsNodesMakesItIndeterminate() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n2", .hangForEver)
        let task = Task { try await cluster.set("v") }
        while cluster.network.arrivals.count < 2 { await Task.yield() }
        cluster.client.follow(try TestCluster.map([]))
        let failure = await #expect(throws: CallFailure.self) { try await task.value }
        #expect(failure?.isIndeterminate == true)
        #expect(failure?.message.contains("has no node in the shard map") == true)
    }

    @Test func aMapThatLeavesTheReplicasAsTheyAreDisturbsNoWrite() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n2", .fail(refused), .serve)
        let (client, map) = (cluster.client, try TestCluster.map(["n2", "n1"]))
        cluster.time.onSleep { client.follow(map) }
        try await cluster.set("v")
        #expect(cluster.network.arrivals(at: "n1").count == 1)
        #expect(cluster.network.arrivals(at: "n2").count == 2)
    }

    @Test func cancellationWhileAReplicaHangsSaysThatItMayHaveHappened() async throws {
        let cluster = try TestCluster(["n1"])
        cluster.network.script("n1", .hangForEver)
        let task = Task { try await cluster.set("v") }
        while cluster.network.arrivals.isEmpty { await Task.yield() }
        task.cancel()
        let failure = await #expect(throws: CallFailure.self) { try await task.value }
        #expect(failure?.code == .cancelled)
        #expect(failure?.isIndeterminate == true)
    }
}
