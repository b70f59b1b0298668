import CoreMetrics
import KVClient
import KVCore
import KVSharding
import KVWire
import MetricsTestKit
import Synchronization
import Testing

@testable import ShardKV

/// What a client tells its metrics: the calls of a user, over real connections, and what the client's parts say of their decisions.
@Suite(.timeLimit(.minutes(1))) struct MetricsTests {
    @Test func callsAreCountedAndTimedByNodeAndOperation() async throws {
        let nodes = [try await TestNode.start("n1"), try await TestNode.start("n2")]
        let metrics = TestMetrics()
        let client = try client(nodes, metrics)
        try await client.set("k", "v")
        for _ in 0..<4 { _ = try await client.get("k") }
        for node in ["n1", "n2"] {
            for (operation, count) in [("get", 2), ("set", 1)] {
                let labels = [("node", node), ("operation", operation)]
                let latencies = try metrics.expectTimer("shardkv_client_latency", labels)
                #expect(latencies.values.count == count && latencies.values.allSatisfy { $0 > 0 })
                #expect(try metrics.expectCounter("shardkv_client_attempts", labels).totalValue == Int64(count))
            }
        }
        #expect(metrics.counters(label: "shardkv_client_failures").isEmpty)
        await client.close()
        for node in nodes { try await node.stop() }
    }

    /// Nobody listens at n1: the read goes on to n2, and n1 is left out.
    @Test func failuresAndEjectionsAreCountedByNode() async throws {
        let nodes = [try await TestNode.start("n1"), try await TestNode.start("n2")]
        let metrics = TestMetrics()
        let client = try client(nodes, metrics)
        try await nodes[0].stop()
        for _ in 0..<2 { _ = try await client.get("k") }
        let failures = try metrics.expectCounter("shardkv_client_failures", [("node", "n1"), ("code", "UNAVAILABLE")])
        #expect(failures.totalValue == 1)
        #expect(try metrics.expectCounter("shardkv_client_ejections", [("node", "n1")]).totalValue == 1)
        #expect(metrics.counters(label: "shardkv_client_ejections").count == 1)
        await client.close()
        try await nodes[1].stop()
    }

    private func client(_ nodes: [TestNode], _ metrics: TestMetrics) throws -> ShardKVClient {
        let addresses = nodes.map { ($0.name, NodeAddress(host: "127.0.0.1", port: $0.port)) }
        let names = nodes.map(\.name)
        let map = try ShardMap(numShards: 1, nodes: Dictionary(uniqueKeysWithValues: addresses), members: [1: names])
        var configuration = ShardKVClient.Configuration(shardMap: .json(Array(map.json().utf8)))
        configuration.timeout = .seconds(30)
        configuration.attemptTimeout = .seconds(10)
        configuration.balancing = .roundRobin
        configuration.metricsFactory = metrics
        return try ShardKVClient(configuration: configuration)
    }

    @Test func anEjectionAndItsEndAreCounted() throws {
        let metrics = TestMetrics()
        let table = NodeTable(observer: ClientMetrics(metrics))
        let node = table.state(of: "n1")
        for now: UInt64 in [1_000_000, 2_000_000] {
            table.failed(node, isSilence: true, now: now)
            table.failed(node, isSilence: true, now: now)
            table.answered(node, now: now + 1)
        }
        for name in ["ejections", "returns"] {
            #expect(try metrics.expectCounter("shardkv_client_\(name)", [("node", "n1")]).totalValue == 2)
        }
    }

    /// n1 hangs, n2 answers a hedged read; then both refuse until the budget for repetitions is used up.
    @Test func hedgesAndTheBudgetAreCounted() async throws {
        let metrics = TestMetrics()
        let sender = ScriptedSender()
        let client = ClusterClient(
            map: try ShardMap(
                numShards: 1,
                nodes: ["n1": NodeAddress(host: "h", port: 1), "n2": NodeAddress(host: "h", port: 2)],
                members: [1: ["n1", "n2"]]
            ),
            sender: sender,
            time: SystemTime(),
            clock: VersionClock(writer: 1, wallMilliseconds: 1, now: 1),
            balancer: FirstBalancer(),
            attemptMilliseconds: 10_000,
            hedgeMilliseconds: 1,
            observer: ClientMetrics(metrics)
        )
        let request = GetRequest(key: [1])
        _ = try await client.get(request, isHedged: true, timeoutMilliseconds: 30_000)
        #expect(try metrics.expectCounter("shardkv_client_hedges").totalValue == 1)
        #expect(try metrics.expectCounter("shardkv_client_hedges_won").totalValue == 1)
        let left = try #require(try metrics.expectGauge("shardkv_client_budget").lastValue)
        #expect(left > 98 && left < 100)

        sender.refuses.store(true, ordering: .relaxed)
        while try metrics.expectCounter("shardkv_client_budget_exhausted").totalValue == 0 {
            await #expect(throws: CallFailure.self) { _ = try await client.get(request, timeoutMilliseconds: 50) }
        }
        #expect(try metrics.expectGauge("shardkv_client_budget").lastValue ?? 1 < 1)
        #expect(try metrics.expectCounter("shardkv_client_hedges").totalValue == 1)
    }
}

private struct FirstBalancer: Balancer {
    func first(of nodes: [NodeState], route: Route, now: UInt64) -> Int { 0 }
}

/// n1 does not answer, n2 does; or both refuse.
private final class ScriptedSender: ClusterSender {
    let refuses = Atomic(false)

    func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32
    ) async throws(RPCError) -> Request.Response {
        if refuses.load(ordering: .relaxed) {
            throw RPCError(.resourceExhausted, "too much", reason: .overloaded, retryAfterMilliseconds: 1)
        }
        if node == "n1" {
            try? await Task.sleep(for: .seconds(30))
            throw RPCError(.cancelled, "cancelled", reason: .indeterminate)
        }
        return GetResponse(wasFound: false) as! Request.Response
    }

    func follow(_ map: ShardMap) {}
    func learn(_ member: View.Member) {}
    func connect(to node: String, timeoutMilliseconds: UInt32) async throws(RPCError) {}
}
