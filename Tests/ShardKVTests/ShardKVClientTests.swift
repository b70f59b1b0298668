import Foundation
import KVCore
import KVSharding
import KVWire
import Logging
import ServiceLifecycle
import ShardKV
import Testing

@Suite(.timeLimit(.minutes(1))) struct ShardKVClientTests {
    /// All shards on all nodes.
    private func map(_ nodes: [TestNode], members: [String]? = nil) throws -> String {
        let addresses = nodes.map { ($0.name, NodeAddress(host: "127.0.0.1", port: $0.port)) }
        let members = members ?? nodes.map(\.name)
        return try ShardMap(
            numShards: 2,
            nodes: Dictionary(uniqueKeysWithValues: addresses),
            members: [1: members, 2: members]
        ).json()
    }

    private func client(_ map: String, balancing: ShardKVClient.Balancing = .leastCost) throws
        -> ShardKVClient
    {
        var configuration = ShardKVClient.Configuration(shardMap: .json(Array(map.utf8)))
        configuration.timeout = .seconds(30)
        // The machine may be busy: what is slow here is no trouble of a node.
        configuration.attemptTimeout = .seconds(10)
        configuration.balancing = balancing
        return try ShardKVClient(configuration: configuration)
    }

    @Test func setsGetsAndDeletes() async throws {
        let nodes = [try await TestNode.start("n1"), try await TestNode.start("n2")]
        let client = try client(map(nodes))
        #expect(try await client.get("k") == nil)
        try await client.set("k", "v")
        #expect(try await client.get("k") == Array("v".utf8))
        try await client.set([0, 255], [], ttl: .milliseconds(1500))
        #expect(try await client.get([0, 255]) == [])
        let entry = try await client.getEntry([0, 255])
        #expect(entry?.value == [])
        #expect(entry?.ttl == .milliseconds(1500))
        #expect(try await client.getEntry("k")?.ttl == nil)
        try await client.delete("k")
        #expect(try await client.get("k") == nil)
        #expect(nodes[0].record("k")?.version == nodes[1].record("k")?.version)
        await client.close()
        for node in nodes { try await node.stop() }
    }

    /// The first write of a process, too, is stamped by the cluster's clock.
    @Test func stampsByTheServersClock() async throws {
        let node = try await TestNode.start("n1")
        let client = try client(map([node]))
        try await client.set("k", "v", ttl: .seconds(10))
        let record = try #require(node.record("k"))
        #expect(record.expiresAt == record.version.milliseconds + 10_000)
        #expect((TestNode.clock..<TestNode.clock + 60_000).contains(record.version.milliseconds))
        await client.close()
        try await node.stop()
    }

    @Test func aDeadReplicaIsPassedOverByReadsAndNamedByWrites() async throws {
        let nodes = [try await TestNode.start("n1"), try await TestNode.start("n2")]
        let text = try map(nodes)
        try await nodes[0].stop()
        let client = try client(text)
        for _ in 0..<20 { #expect(try await client.get("k") == nil) }
        let error = await #expect(throws: ShardKVError.self) {
            try await client.set("k", "v", timeout: .milliseconds(300))
        }
        #expect(error?.code == .unknown)
        #expect(error?.isIndeterminate == true)
        #expect(error?.replicaFailures.map(\.node) == ["n1"])
        #expect(error?.replicaFailures.first?.code == .unavailable)
        #expect(error?.description.contains("\n") == false)
        await client.close()
        try await nodes[1].stop()
    }

    /// The connections are there, so that the reads wait as others do until they are hedged; an attempt's share is far longer.
    @Test func hedgedReadsAreAnsweredWhileAReplicaHangs() async throws {
        let nodes = [try await TestNode.start("n1"), try await TestNode.start("n2")]
        let client = try client(map(nodes), balancing: .roundRobin)
        try await client.set("k", "v")
        nodes[0].hang()
        for _ in 0..<20 { #expect(try await client.get("k", isHedged: true) == Array("v".utf8)) }
        #expect(nodes[0].requestCount > 1, "both are asked")
        // Those that the hanging node was asked are given up, and it is told so.
        while nodes[0].cancelCount < nodes[0].requestCount - 1 { try await Task.sleep(for: .milliseconds(1)) }
        await client.close()
        for node in nodes { try await node.stop() }
    }

    /// Its task is cancelled while it waits for both: it ends at once, and both are told.
    @Test func aCancelledHedgedReadLeavesBothReplicas() async throws {
        let nodes = [try await TestNode.start("n1"), try await TestNode.start("n2")]
        let client = try client(map(nodes))
        try await client.set("k", "v")
        let before = nodes.map(\.requestCount)
        for node in nodes { node.hang() }
        let read = Task { try await client.get("k", isHedged: true) }
        while nodes.map(\.requestCount) != before.map({ $0 + 1 }) { try await Task.sleep(for: .milliseconds(1)) }
        read.cancel()
        let error = await #expect(throws: ShardKVError.self) { try await read.value }
        #expect(error?.code == .cancelled)
        while nodes.contains(where: { $0.cancelCount == 0 }) { try await Task.sleep(for: .milliseconds(1)) }
        await client.close()
        for node in nodes { try await node.stop() }
    }

    @Test func addressesOneReplica() async throws {
        let nodes = [try await TestNode.start("n1"), try await TestNode.start("n2")]
        let client = try client(map(nodes))
        let replica = try client.replica("n2")
        try await replica.set("k", "v")
        #expect(nodes[0].record("k") == nil)
        #expect(try await replica.get("k") == Array("v".utf8))
        try await replica.delete("k")
        #expect(try await replica.getEntry("k") == nil)
        #expect(nodes[0].requestCount == 0)
        let error = #expect(throws: ShardKVError.self) { try client.replica("n9") }
        #expect(error?.code == .invalidArgument)
        await client.close()
        for node in nodes { try await node.stop() }
    }

    @Test func refusesWhatNoServerTakes() async throws {
        let client = try client(map([]))
        for call: () async throws -> Void in [
            { _ = try await client.get("") },
            { try await client.set("", "v") },
            { try await client.delete("") },
            { try await client.set("k", "v", ttl: .milliseconds(-1)) },
        ] {
            let error = await #expect(throws: ShardKVError.self) { try await call() }
            #expect(error?.code == .invalidArgument)
        }
        let error = await #expect(throws: ShardKVError.self) { try await client.get("k") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("has no node in the shard map") == true)
    }

    @Test func aBadMapIsRefusedAtTheStart() throws {
        for source in [ShardMapSource.json(Array("{}".utf8)), .file(path: "/nonexistent/map.json")] {
            let error = #expect(throws: ShardKVError.self) {
                try ShardKVClient(configuration: ShardKVClient.Configuration(shardMap: source))
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func followsTheFileWhileItRuns() async throws {
        let nodes = [try await TestNode.start("n1"), try await TestNode.start("n2")]
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("map-\(UUID()).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try map(nodes, members: ["n1"]).write(toFile: path, atomically: true, encoding: .utf8)
        var configuration = ShardKVClient.Configuration(shardMap: .file(path: path))
        configuration.timeout = .seconds(30)
        let client = try ShardKVClient(configuration: configuration)
        try await client.set("k", "v")
        let service = Task { try await client.run() }
        try map(nodes, members: ["n2"]).write(toFile: path, atomically: true, encoding: .utf8)
        while try await client.get("k") != nil { try await Task.sleep(for: .milliseconds(10)) }
        try "{}".write(toFile: path, atomically: true, encoding: .utf8)
        await client.refreshShardMap()
        #expect(client.shardMap?.members(of: 1) == ["n2"], "the last good map stays")
        service.cancel()
        try await service.value
        let error = await #expect(throws: ShardKVError.self) { try await client.get("k") }
        #expect(error?.code == .cancelled)
        for node in nodes { try await node.stop() }
    }

    @Test func endsWithItsServiceGroup() async throws {
        let client = try client(map([]))
        let group = ServiceGroup(services: [client], logger: Logger(label: "test"))
        let running = Task { try await group.run() }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    @Test func durationsBecomeWholeMilliseconds() async throws {
        let node = try await TestNode.start("n1")
        let client = try client(map([node]))
        for (ttl, milliseconds) in [
            (Duration.microseconds(1), 1), (.microseconds(1001), 2), (.zero, 0), (.seconds(2), 2000),
        ] as [(Duration, UInt64)] {
            try await client.set("k", "v", ttl: ttl)
            let record = try #require(node.record("k"))
            #expect(record.expiresAt == (milliseconds == 0 ? 0 : record.version.milliseconds + milliseconds))
        }
        try await client.set("k", "v", ttl: .seconds(Int64.max))
        #expect(try #require(node.record("k")).expiresAt > UInt64(Int64.max))
        await client.close()
        try await node.stop()
    }
}
