import Foundation
import Testing

extension ProcessTests {
    /// How a server starts, refuses to start, and ends.
    @Suite(.serialized)
    struct ServerLifeTests {
        @Test func drainsAndExitsZeroOnTerm() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1, 2]])
            try await cluster.waitReady()
            cluster.server("n1").signal(SIGTERM)
            let ended = try await cluster.server("n1").finish()
            #expect(ended.exitCode == 0, "\(ended.errors)")
            // The other replica goes on answering.
            #expect(try await cluster.get("k").exitCode == 1)
        }

        @Test func refusesToStartWithOneClearLine() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()

            let taken = try await shardkv("server", "--shardmap", cluster.mapPath, "--node", "n1")
            #expect(taken.exitCode != 0 && taken.errors.contains("\(cluster.port("n1"))"), "\(taken.errors)")
            #expect(taken.errors.contains("in use"), "\(taken.errors)")

            let unknown = try await shardkv("server", "--shardmap", cluster.mapPath, "--node", "n7")
            #expect(unknown.exitCode != 0 && unknown.errors.contains("n7"), "\(unknown.errors)")

            let bad = cluster.directory.appendingPathComponent("bad.json").path
            for text in ["", "{}", "null", #"{"numShards": 2, "nodes": {}, "shards": {"9": ["n1"]}}"#] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: bad))
                let result = try await shardkv("server", "--shardmap", bad, "--node", "n1")
                #expect(result.exitCode != 0 && result.errors.contains("bad.json"), "\(text): \(result.errors)")
            }
            let missing = try await shardkv("server", "--shardmap", "/nonexistent.json", "--node", "n1")
            #expect(missing.exitCode != 0 && missing.errors.contains("/nonexistent.json"))
        }

        @Test func listensOnItsAddressOnly() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()
            #expect(canConnect("127.0.0.1", cluster.port("n1")))
            #expect(!canConnect("127.0.0.2", cluster.port("n1")))
        }

        @Test func hostNamesAndListenOverride() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]], starts: false)
            let port = cluster.port("n1")
            let text = cluster.mapText([[1]]).replacingOccurrences(of: "127.0.0.1", with: "localhost")
            try Data(text.utf8).write(to: URL(fileURLWithPath: cluster.mapPath))
            try cluster.start("n1")
            try await cluster.waitReady()
            #expect(try await cluster.set("k", "v").exitCode == 0)
            #expect(canConnect("127.0.0.1", port))
        }

        @Test func restartCopiesBeforeItServes() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1, 2], [1, 2]])
            try await cluster.waitReady()
            _ = try await cluster.shell((0..<200).map { "set key\($0) value\($0)" })
            cluster.server("n1").signal(SIGKILL)
            _ = try await cluster.server("n1").finish()
            try cluster.start("n1")
            try await cluster.waitReady()
            let lines = try await cluster.shell((0..<200).map { "get key\($0)" }, "--node", "n1")
            #expect(lines == (0..<200).map { "value\($0)" })
        }

        @Test func memoryLimitRefusesSetsOnly() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]], options: ["--max-memory", "8MiB"])
            try await cluster.waitReady()
            let value = String(repeating: "x", count: 100_000)
            let lines = try await cluster.shell((0..<200).map { "set key\($0) \(value)" })
            #expect(lines.first == "OK")
            let refused = lines.count { $0.hasPrefix("ERROR RESOURCE_EXHAUSTED") }
            #expect(refused > 50 && refused < 200, "\(refused) of 200 refused")
            #expect(lines.allSatisfy { $0 == "OK" || $0.hasPrefix("ERROR RESOURCE_EXHAUSTED") })
            // Reading, deleting, and then setting again all work.
            let stored = lines.firstIndex(of: "OK")!
            #expect(try await cluster.shell(["get key\(stored)"]) == [value])
            let freed = try await cluster.shell((0..<200).map { "delete key\($0)" } + ["set again v", "get again"])
            #expect(freed.suffix(2) == ["OK", "v"])
            #expect(freed.dropLast(2).allSatisfy { $0 == "OK" })
        }

        @Test func expiredValuesGiveTheirMemoryBack() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1], [1]])
            try await cluster.waitReady()
            let value = String(repeating: "x", count: 1 << 20)
            let before = residentBytes(cluster.server("n1").identifier)
            let lines = try await cluster.shell((0..<100).map { "set key\($0) \(value) 15000" }, "--timeout", "30s")
            #expect(lines.allSatisfy { $0 == "OK" })
            let full = residentBytes(cluster.server("n1").identifier)
            #expect(full - before > 90 << 20)
            try await eventually("80 % of the memory is back", within: 60) {
                residentBytes(cluster.server("n1").identifier) - before < (full - before) / 5
            }
        }
    }
}

/// Resident memory of a process.
func residentBytes(_ process: pid_t) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return (Int(line.filter(\.isNumber)) ?? 0) << 10
}

func canConnect(_ address: String, _ port: Int) -> Bool {
    guard let connection = try? RawConnection(port, at: address) else { return false }
    connection.close()
    return true
}
