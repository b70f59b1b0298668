import KVClient
import KVCore
import KVSharding
import KVWire
import Testing

/// A client that knows servers, but no map.
@Suite struct MapFetchTests {
    private func client(_ network: TestNetwork) -> TestClient {
        TestClient(
            map: nil,
            seeds: ["s1", "s2"],
            sender: network,
            time: network.time,
            clock: VersionClock(writer: 1, wallMilliseconds: 1000, now: 1000),
            balancer: InOrder(),
            attemptMilliseconds: 250
        )
    }

    /// Many callers at once: one of them asks for the map, of the first server that answers.
    @Test func allCallsShareOneFetch() async throws {
        let network = TestNetwork(time: TestTime())
        network.tell(try TestCluster.map(["n1", "n2"]))
        network.script("s1", .fail(refused))
        let client = client(network)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for key in UInt8(0)..<20 {
                group.addTask { try await client.set([key], [1], ttlMilliseconds: 0, timeoutMilliseconds: 1000) }
            }
            try await group.waitForAll()
        }
        #expect(network.arrivals(at: "s2").count == 1)
        #expect(network.arrivals(at: "s1").count <= 1)
        #expect(network.arrivals(at: "n2").count == 20)
        #expect(client.shardMap == (try TestCluster.map(["n1", "n2"])))
    }

    /// Many replies tell of a newer map: it is fetched once, and an older one of a server that is behind is not taken.
    @Test func aHigherEpochIsFollowedOnce() async throws {
        let network = TestNetwork(time: TestTime())
        network.tell(try TestCluster.map(["n1"]), epoch: 5)
        let client = client(network)
        _ = try await client.get(GetRequest(key: [1]), timeoutMilliseconds: 1000)
        let fetches = { network.arrivals.count { $0.method == .getShardMap } }
        #expect(fetches() == 1)
        client.noticeEpoch(5)
        client.noticeEpoch(4)
        let newer = try TestCluster.map(["n2"])
        network.tell(newer, epoch: 6)
        for _ in 0..<20 { client.noticeEpoch(6) }
        for _ in 0..<100_000 where client.shardMap != newer { await Task.yield() }
        #expect(client.shardMap == newer && client.mapEpoch == 6)
        #expect(fetches() == 2)
    }

    @Test func noServerIsAnErrorThatNamesThem() async throws {
        let network = TestNetwork(time: TestTime())
        network.script("s1", .fail(refused))
        network.script("s2", .fail(RPCError(.unimplemented, "an older server")))
        let failure = await #expect(throws: CallFailure.self) {
            try await client(network).get(GetRequest(key: [1]), timeoutMilliseconds: 1000)
        }
        #expect(Set(failure?.replicas.map(\.node) ?? []) == ["s1", "s2"])
        #expect(failure?.message.hasPrefix("no server told the shard map") == true)
    }
}
