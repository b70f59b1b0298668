import Foundation
import ShardKV
import Testing

extension ProcessTests {
    /// Replicas that die or hang.
    @Suite(.serialized)
    struct FailureTests {
        @Test func aKilledReplicaFailsNoGet() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1, 2], [2, 1]])
            try await cluster.waitReady()
            _ = try await cluster.shell((0..<50).map { "set key\($0) value\($0)" })
            let client = try ShardKVClient(configuration: .init(shardMap: .file(path: cluster.mapPath)))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for reader in 0..<16 {
                    group.addTask {
                        for count in 0..<200 {
                            let key = (reader + count) % 50
                            let value = try await client.get("key\(key)", timeout: .seconds(5))
                            #expect(value == Array("value\(key)".utf8))
                        }
                    }
                }
                try await Task.sleep(for: .milliseconds(20))
                cluster.server("n1").signal(SIGKILL)
                try await group.waitForAll()
            }
            await client.close()
        }

        @Test func aHungReplicaCostsAnAttemptAndNotTheCall() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1, 2]])
            try await cluster.waitReady()
            #expect(try await cluster.set("k", "v").exitCode == 0)
            cluster.server("n1").signal(SIGSTOP)
            defer { cluster.server("n1").signal(SIGCONT) }
            for _ in 0..<6 {
                let get = try await cluster.get("k", "--timeout", "10s")
                #expect(get.exitCode == 0 && get.text == "v", "\(get.errors)")
            }
            // One process after the other pays the hung replica once; one process alone knows it from then on.
            let gets = try await cluster.shell(Array(repeating: "get k", count: 100), "--timeout", "10s")
            #expect(gets == Array(repeating: "v", count: 100))
            // A write needs every replica, and names the one that is missing.
            let set = try await cluster.set("k", "w", "--timeout", "500ms")
            #expect(set.exitCode >= 2 && set.errors.contains("n1"), "\(set.errors)")
        }

        @Test func oneOfTwoReplicasBackAfterAnOutageTakesWritesAgain() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1, 2]])
            try await cluster.waitReady()
            cluster.server("n2").signal(SIGKILL)
            _ = try await cluster.server("n2").finish()
            let set = try await cluster.set("k", "v", "--timeout", "300ms")
            #expect(set.exitCode >= 2 && set.errors.contains("n2"), "\(set.errors)")
            try cluster.start("n2")
            try await cluster.waitReady()
            #expect(try await cluster.set("k", "w").exitCode == 0)
            for node in cluster.nodes { #expect(try await cluster.get("k", "--node", node).text == "w") }
        }

        @Test func clientsThatRaceLeaveReplicasEqual() async throws {
            let cluster = try Cluster(nodes: 3, shards: [[1, 2, 3]])
            try await cluster.waitReady()
            let clients = try (0..<4).map { _ in
                try ShardKVClient(configuration: .init(shardMap: .file(path: cluster.mapPath)))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, client) in clients.enumerated() {
                    group.addTask {
                        for key in 0..<300 {
                            try await client.set("key\(key)", "client \(number)", timeout: .seconds(10))
                        }
                    }
                }
                try await group.waitForAll()
            }
            var contents: [String] = []
            for node in cluster.nodes {
                let keys = (0..<300).map { "get key\($0)" }
                contents.append(try await cluster.shell(keys, "--node", node).joined(separator: "\n"))
            }
            #expect(contents[0] == contents[1] && contents[1] == contents[2])
            for client in clients { await client.close() }
        }

        @Test func aHungSourceDoesNotStopAMove() async throws {
            // n3 is to copy from n1 or n2; n1 hangs.
            let cluster = try Cluster(nodes: 3, shards: [[1, 2]])
            try await cluster.waitReady()
            _ = try await cluster.shell((0..<100).map { "set key\($0) value\($0)" })
            cluster.server("n1").signal(SIGSTOP)
            defer { cluster.server("n1").signal(SIGCONT) }
            try cluster.writeMap([[2, 3]])
            try await eventually("n3 serves the shard") {
                try await cluster.get("key0", "--node", "n3").exitCode == 0
            }
            #expect(
                try await cluster.shell((0..<100).map { "get key\($0)" }, "--node", "n3", "--timeout", "10s")
                    == (0..<100).map { "value\($0)" }
            )
        }
    }
}
