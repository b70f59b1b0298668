import Foundation
import ShardKV
import Synchronization
import Testing

extension ProcessTests {
    /// Shard maps that change under running servers.
    @Suite(.serialized)
    struct MapChangeTests {
        @Test func oneStepMoveLosesNothing() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1], [1]])
            try await cluster.waitReady()
            // More than 4 MiB a shard: larger than one page.
            let filler = String(repeating: "f", count: 10_000)
            let stored = try await cluster.shell(
                (0..<1500).map { "set key\($0) value\($0)\(filler)" },
                "--timeout",
                "10s"
            )
            #expect(stored.allSatisfy { $0 == "OK" })

            try cluster.writeMap([[2], [2]])
            try await cluster.waitReady()
            let lines = try await cluster.shell((0..<1500).map { "get key\($0)" }, "--timeout", "10s")
            #expect(lines == (0..<1500).map { "value\($0)\(filler)" })
            try await eventually("the old owner drops its data") {
                try await cluster.get("key1", "--node", "n1").errors.contains("NOT_FOUND")
            }
        }

        @Test func movesUnderLoadKeepEveryAcknowledgedWriteOnEveryReplica() async throws {
            // initial-4-node → migrated-4-node, and back.
            let initial = [[1, 2], [1, 2], [2, 3], [2, 3], [3, 4], [3, 4], [4, 1], [4, 1]]
            let migrated = [[2, 3], [2, 3], [3, 4], [3, 4], [4, 1], [4, 1], [1, 2], [1, 2]]
            let cluster = try Cluster(nodes: 4, shards: initial)
            try await cluster.waitReady()
            let client = try ShardKVClient(configuration: .init(shardMap: .file(path: cluster.mapPath)))
            let following = Task { try await client.run() }

            let ledger = Ledger()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        var count = 0
                        while !ledger.hasEnded {
                            let key = "w\(writer)-\(count % 150)"
                            let value = "v\(count)"
                            // A Set that fails may have happened or not: its key is not judged until the next success.
                            do {
                                try await client.set(key, Array(value.utf8), timeout: .seconds(5))
                                ledger[key] = value
                            } catch {
                                ledger[key] = nil
                            }
                            count += 1
                        }
                    }
                }
                for map in [migrated, initial, migrated] {
                    try await Task.sleep(for: .milliseconds(400))
                    try cluster.writeMap(map)
                    try await cluster.waitReady()
                }
                ledger.end()
                try await group.waitForAll()
            }

            // A leaving node answers Gets from its old copy until it has handed over.
            try await eventually("all shards are handed over") {
                try await !cluster.status().contains("leaving")
            }
            let expected = ledger.values
            #expect(expected.count > 100, "the load ran")
            var wrong: [String] = []
            for node in cluster.nodes {
                let replica = try client.replica(node)
                for (key, value) in expected {
                    do {
                        let found = try await replica.get(key, timeout: .seconds(5))
                        if found != Array(value.utf8) {
                            let shown = found.map { String(decoding: $0, as: UTF8.self) } ?? "nothing"
                            wrong.append("\(node) \(key): \(shown) instead of \(value)")
                        }
                    } catch {
                        // Not one of this shard's replicas.
                        #expect(error.code == .notFound, "\(error)")
                    }
                }
            }
            #expect(wrong.isEmpty, "\(cluster.logs)")
            following.cancel()
            _ = try? await following.value
            await client.close()
        }

        @Test func badMapsAreRefusedAndTheLastGoodOneStays() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1], [2]])
            try await cluster.waitReady()
            #expect(try await cluster.set("k", "v").exitCode == 0)
            let good = cluster.directory.appendingPathComponent("good.json").path
            try cluster.writeMap([[1], [2]], to: good)
            let bad = [
                "", "{}", "null", "[]", "{\"numShards\": 2", "\u{0}",
                cluster.mapText([[1], [2], [1]]),  // another numShards
                cluster.mapText([[1], [2]]).replacingOccurrences(of: "\"1\": ", with: "\"0\": "),
                cluster.mapText([[1], [2]]).replacingOccurrences(of: "\"1\": ", with: "\"9\": "),
                cluster.mapText([[7], [2]]), cluster.mapText([[1, 1], [2]]),
            ]
            for text in bad {
                try Data(text.utf8).write(to: URL(fileURLWithPath: cluster.mapPath), options: .atomic)
                try await eventually("n1 reports that it refuses \(text.debugDescription)") {
                    let status = try await shardkv("status", "--shardmap", good, "--json")
                    return status.text.contains("\"map_error\": \"") && !status.text.contains("\"map_error\": \"\"")
                }
                #expect(try await shardkv("get", "k", "--shardmap", good).text == "v")
            }
            // The next good map is followed.
            try cluster.writeMap([[2], [1]])
            try await cluster.waitReady()
            #expect(try await cluster.get("k").text == "v")
        }

        @Test func mapFilesNamedOrReplacedInAnyWayAreFollowed() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1]], starts: false)
            let directory = cluster.directory
            // As Kubernetes does: map.json → data/map.json, data → the newest directory.
            for (version, shards) in [("v1", [[1]]), ("v2", [[2]])] {
                let folder = directory.appendingPathComponent(version)
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try cluster.writeMap(shards, to: folder.appendingPathComponent("map.json").path)
            }
            let link = directory.appendingPathComponent("data").path
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "v1")
            let linked = directory.appendingPathComponent("linked.json").path
            try FileManager.default.createSymbolicLink(atPath: linked, withDestinationPath: "data/map.json")

            // n1 by a bare name in its working directory, n2 by an unclean path.
            let first = try RunningProcess(
                ["server", "--shardmap", "linked.json", "--node", "n1"],
                currentDirectory: directory
            )
            let second = try RunningProcess(
                ["server", "--shardmap", "\(directory.path)/./v1/..//linked.json", "--node", "n2"])
            defer { withExtendedLifetime((first, second)) {} }
            try await cluster.waitReady(map: linked)
            #expect(try await shardkv("set", "k", "v", "--shardmap", linked).exitCode == 0)

            let next = directory.appendingPathComponent("next").path
            try FileManager.default.createSymbolicLink(atPath: next, withDestinationPath: "v2")
            #expect(rename(next, link) == 0)
            try await cluster.waitReady(map: linked)
            #expect(try await shardkv("get", "k", "--node", "n2", "--shardmap", linked).text == "v")
        }

        @Test func aNodeLeftOutOfTheMapHandsOverAndServesNothing() async throws {
            let cluster = try Cluster(nodes: 3, shards: [[1, 2], [2, 3], [3, 1]])
            try await cluster.waitReady()
            let keys = (0..<300).map { "key\($0)" }
            _ = try await cluster.shell(keys.map { "set \($0) v-\($0)" })
            let before = cluster.directory.appendingPathComponent("before.json").path
            try cluster.writeMap([[1, 2], [2, 3], [3, 1]], to: before)
            try cluster.writeMap([[2, 3], [2, 3], [3, 2]], nodes: ["n2", "n3"])
            try await cluster.waitReady()
            #expect(try await cluster.shell(keys.map { "get \($0)" }) == keys.map { "v-\($0)" })
            try await eventually("n1 serves nothing") {
                try await keys.prefix(5).asyncAllSatisfy {
                    try await shardkv("get", $0, "--node", "n1", "--shardmap", before).errors.contains("NOT_FOUND")
                }
            }
        }

        @Test func aShardWithoutNodesIsDroppedAndComesBackEmpty() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()
            #expect(try await cluster.set("k", "v").exitCode == 0)
            let before = cluster.directory.appendingPathComponent("before.json").path
            try cluster.writeMap([[1]], to: before)
            try cluster.writeMap([[]])
            try await eventually("the shard is gone") {
                try await shardkv("get", "k", "--node", "n1", "--shardmap", before).errors.contains("NOT_FOUND")
            }
            try cluster.writeMap([[1]])
            try await cluster.waitReady()
            #expect(try await cluster.get("k").exitCode == 1)
        }

        @Test func fiveNodesStartTogether() async throws {
            let cluster = try Cluster(nodes: 5, shards: (0..<10).map { i in (0..<3).map { (i + $0) % 5 + 1 } })
            try await cluster.waitReady()
            #expect(try await cluster.set("k", "v").exitCode == 0)
            #expect(try await cluster.get("k").text == "v")
        }
    }
}

/// What was acknowledged, by key; shared by the writers of a test.
final class Ledger: Sendable {
    private let state = Mutex((values: [String: String](), hasEnded: false))

    var values: [String: String] { state.withLock { $0.values } }
    var hasEnded: Bool { state.withLock { $0.hasEnded } }
    func end() { state.withLock { $0.hasEnded = true } }

    subscript(key: String) -> String? {
        get { state.withLock { $0.values[key] } }
        set { state.withLock { $0.values[key] = newValue } }
    }
}

extension Sequence {
    func asyncAllSatisfy(_ condition: (Element) async throws -> Bool) async throws -> Bool {
        for element in self where try await !condition(element) { return false }
        return true
    }
}
