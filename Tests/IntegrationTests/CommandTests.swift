import Foundation
import Testing

extension ProcessTests {
    /// What a user types, against real servers.
    @Suite(.serialized)
    struct CommandTests {
        @Test func setGetDelete() async throws {
            let cluster = try Cluster(nodes: 3, shards: [[1, 2], [2, 3], [3, 1]])
            try await cluster.waitReady()

            #expect(try await cluster.get("color").exitCode == 1)
            let set = try await cluster.set("color", "green")
            #expect(set.exitCode == 0 && set.errors.isEmpty, "\(set.errors)")
            let get = try await cluster.get("color")
            #expect(get.exitCode == 0)
            #expect(get.output == Array("green".utf8), "value bytes and nothing else: \(get.text)")

            // Every replica has it, and only the replicas do.
            var holders = 0
            for node in cluster.nodes {
                let one = try await cluster.get("color", "--node", node)
                if one.exitCode == 0 {
                    holders += 1
                } else {
                    #expect(one.errors.contains("NOT_FOUND"), "\(one.errors)")
                }
            }
            #expect(holders == 2)

            #expect(try await shardkv("delete", "color", "--shardmap", cluster.mapPath).exitCode == 0)
            #expect(try await shardkv("delete", "color", "--shardmap", cluster.mapPath).exitCode == 0, "idempotent")
            #expect(try await cluster.get("color").exitCode == 1)
        }

        @Test func aServersAddressIsEnough() async throws {
            let cluster = try Cluster(nodes: 3, shards: [[1, 2], [2, 3], [3, 1]])
            try await cluster.waitReady()
            let nodes = "127.0.0.1:\(cluster.port("n3")),127.0.0.1:\(cluster.port("n1"))"
            let set = try await shardkv("set", "k", "v", "--nodes", nodes, "--write-level", "quorum")
            #expect(set.exitCode == 0, "\(set.errors)")
            let get = try await shardkv("get", "k", "--nodes", nodes, "--read-level", "quorum")
            #expect(get.text == "v", "\(get.errors)")
            let status = try await shardkv("status", "--nodes", nodes)
            #expect(status.exitCode == 0 && status.text.contains("n2"), "\(status.errors)")
            let failed = try await shardkv("get", "k", "--nodes", "127.0.0.1:1", "--timeout", "300ms")
            #expect(failed.exitCode > 1 && failed.errors.contains("cannot be reached"), "\(failed.errors)")
        }

        @Test func valuesAreBinaryAndMayBeEmpty() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()
            let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
            let set = try await shardkv("set", "bin", "-", "--shardmap", cluster.mapPath, input: bytes)
            #expect(set.exitCode == 0, "\(set.errors)")
            #expect(try await cluster.get("bin").output == bytes)
            #expect(try await cluster.set("empty", "").exitCode == 0)
            let empty = try await cluster.get("empty")
            #expect(empty.exitCode == 0 && empty.output.isEmpty, "an empty value is a value")
        }

        @Test func argumentsAreAnyBytes() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()
            // A shell, because Foundation passes text only.
            let script = #"""
                set -e
                export SHARDKV_SHARDMAP="$1"
                "$0" set "$(printf '\377')" "$(printf 'a\376')"
                "$0" get "$(printf '\377')"
                "$0" get "$(printf '\376')" || printf '%s' "$?"
                """#
            let result = try await RunningProcess(
                ["-c", script, Binary.path, cluster.mapPath],
                executable: "/bin/sh"
            )
            .finish()
            #expect(result.exitCode == 0 && result.output == [UInt8(ascii: "a"), 0xfe, UInt8(ascii: "1")], "\(result)")
        }

        @Test func timeToLive() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()
            #expect(try await cluster.set("short", "v", "400").exitCode == 0)
            try await eventually("the value expires") { try await cluster.get("short").exitCode == 1 }
            #expect(try await cluster.set("long", "v", "--ttl", "1h").exitCode == 0)
            #expect(try await cluster.get("long").exitCode == 0)
            #expect(try await cluster.set("forever", "v", "0").exitCode == 0)
            #expect(try await cluster.set("farthest", "v", "\(Int64.max)").exitCode == 0, "a deadline saturates")
            let farthest = try await cluster.get("farthest", "--show-ttl")
            #expect(farthest.exitCode == 0 && farthest.errors.hasPrefix("ttl "), "\(farthest.errors)")
            let negative = try await cluster.set("never", "v", "-5")
            #expect(negative.exitCode >= 2 && negative.errors.contains("INVALID_ARGUMENT"), "\(negative.errors)")
            #expect(try await cluster.get("never").exitCode == 1)
        }

        /// From the key to whom a read would ask, and why; a replica that hangs is left out, and it is said so.
        @Test func explainShowsTheWayOfAKey() async throws {
            let cluster = try Cluster(nodes: 3, shards: [[1, 2, 3], [1, 2, 3]])
            try await cluster.waitReady()
            #expect(try await cluster.set("a", "value").exitCode == 0)
            func explain() async throws -> [String: String] {
                let result = try await shardkv("explain", "a", "--shardmap", cluster.mapPath)
                #expect(result.exitCode == 0, "\(result.errors)")
                let lines = result.text.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1) }
                return Dictionary(uniqueKeysWithValues: lines.map { (String($0[0]), String($0.last ?? "")) })
            }
            let well = try await explain()
            #expect(well["hash"]?.contains("0x050c5d7e") == true, "\(well)")
            #expect(well["shard"]?.contains("1 of 2") == true, "\(well)")
            #expect(well["map"]?.contains("n1, n2, n3") == true, "\(well)")
            #expect(well["view"]?.contains("n3 (incarnation") == true, "\(well)")
            #expect(well["REPLICA"]?.contains(/VERSION +DEADLINE +LATENCY +STATE/) == true, "\(well)")
            for node in cluster.nodes {
                let row = try #require(well[node])
                #expect(row.contains("127.0.0.1:\(cluster.port(node))"), "\(row)")
                #expect(row.contains(/live +\d+-[0-9a-f]+ +never +\d+\.\d\dms +well/), "\(row)")
            }
            #expect(well["next"]?.contains("the cheaper of two random replicas, cost") == true, "\(well)")

            cluster.server("n2").signal(SIGSTOP)
            defer { cluster.server("n2").signal(SIGCONT) }
            let troubled = try await explain()
            let row = try #require(troubled["n2"])
            #expect(row.contains(/(DEADLINE_EXCEEDED|UNAVAILABLE) +- +- .*left out for \d+ms/), "\(row)")
            #expect(troubled["n1"]?.hasSuffix("well") == true && troubled["n3"]?.hasSuffix("well") == true)
            #expect(troubled["next"]?.contains(", then n2: ") == true, "asked last: \(troubled)")
            #expect(troubled["next"]?.contains("n2 is left out") == true, "\(troubled)")
        }

        @Test func badInputIsExplained() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1], []])
            try await cluster.waitReady()
            for arguments in [["get", ""], ["set", "", "v"], ["delete", ""]] {
                let result = try await RunningProcess(arguments + ["--shardmap", cluster.mapPath]).finish()
                #expect(
                    result.exitCode >= 2 && result.errors.contains("INVALID_ARGUMENT"),
                    "\(arguments): \(result.errors)"
                )
                #expect(result.output.isEmpty)
            }
            let noMap = try await shardkv("get", "k")
            #expect(noMap.exitCode >= 2 && noMap.errors.contains("SHARDKV_SHARDMAP"), "\(noMap.errors)")
            let missingMap = try await shardkv("get", "k", "--shardmap", "/nonexistent/map.json")
            #expect(missingMap.exitCode >= 2 && missingMap.errors.contains("/nonexistent/map.json"))
            let environment = try await shardkv("get", "k", environment: ["SHARDKV_SHARDMAP": cluster.mapPath])
            #expect(environment.exitCode != 64, "the environment names the map: \(environment.errors)")
            let unknownNode = try await cluster.get("k", "--node", "n9")
            #expect(unknownNode.exitCode >= 2 && unknownNode.errors.contains("n9"), "\(unknownNode.errors)")

            // Of two shards only one has a node: some key falls into the other.
            var refusals = 0
            for index in 0..<8 {
                let result = try await cluster.get("key\(index)")
                if result.exitCode >= 2 {
                    refusals += 1
                    #expect(result.errors.contains("shard 2"), "\(result.errors)")
                }
            }
            #expect(refusals > 0)
        }

        @Test func shellAnswersLineByLine() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1, 2], [2, 1]])
            try await cluster.waitReady()
            let lines = try await cluster.shell([
                "set a 1", "get a", "get missing", #"set "two words" "x\x00\n\"\\""#, #"get "two words""#,
                "delete a", "get a", "set b v 100000000", "get b", #"set empty """#, "get empty", "nonsense",
                "set k v -1",
            ])
            #expect(
                lines.prefix(11) == [
                    "OK", "1", "(nil)", "OK", #""x\x00\n\"\\""#, "OK", "(nil)", "OK", "v", "OK", "\"\"",
                ]
            )
            #expect(lines.count == 13)
            #expect(lines[11].hasPrefix("ERROR INVALID_ARGUMENT"))
            #expect(lines[12].hasPrefix("ERROR INVALID_ARGUMENT"))
        }

        @Test func contentsAndStatus() async throws {
            let cluster = try Cluster(nodes: 2, shards: [[1, 2], [2]])
            try await cluster.waitReady()
            _ = try await cluster.shell((0..<50).map { "set key\($0) value\($0)" })
            var found = 0
            for shard in ["1", "2"] {
                let result = try await shardkv("contents", shard, "--shardmap", cluster.mapPath)
                #expect(result.exitCode == 0, "\(result.errors)")
                found += result.text.split(separator: "\n").count { $0.contains("value") }
            }
            #expect(found == 50)
            let absent = try await shardkv("contents", "2", "--node", "n1", "--shardmap", cluster.mapPath)
            #expect(absent.exitCode >= 2 && absent.errors.contains("NOT_FOUND"), "\(absent.errors)")
            let status = try await shardkv("status", "--shardmap", cluster.mapPath)
            #expect(status.exitCode == 0)
            #expect(status.text.contains("n1") && status.text.contains("n2"))
        }

        @Test func stressReportsAndChecks() async throws {
            let cluster = try Cluster(nodes: 3, shards: [[1, 2], [2, 3], [3, 1]])
            try await cluster.waitReady()
            let latencyLog = cluster.mapPath + ".latencies"
            let result = try await shardkv(
                "stress",
                "--shardmap",
                cluster.mapPath,
                "--latency-log",
                latencyLog,
                "--duration",
                "2s",
                "--get-qps",
                "300",
                "--set-qps",
                "100",
                "--num-keys",
                "20",
                "--ttl",
                "300ms",
                "--check",
                "--check-ttl",
                "--seed",
                "7"
            )
            #expect(result.exitCode == 0, "\(result.errors)")
            #expect(result.text.contains("Get requests: "))
            #expect(result.text.contains("= 100.000000% success rate"))
            let correct = try #require(result.text.split(separator: "\n").first { $0.hasPrefix("Correct responses: ") })
            #expect(correct.hasSuffix("= 100.000000%"), "\(correct)")
            #expect(!correct.contains(" 0/0 "), "the checker saw answers")
            let logged = try String(contentsOfFile: latencyLog, encoding: .utf8).split(separator: "\n").dropFirst()
                .reduce(0) { $0 + (Int($1.split(separator: "\t")[2]) ?? 0) }
            #expect(logged > 0 && result.text.contains("Total requests: \(logged) = "), "\(result.text)")
        }

        @Test func helpAndVersion() async throws {
            for command in ["server", "get", "set", "delete", "shell", "contents", "status", "stress", "shardmap"] {
                let help = try await shardkv(command, "--help")
                #expect(help.exitCode == 0 && help.text.contains("USAGE"), "\(command)")
            }
            let version = try await shardkv("--version")
            #expect(version.exitCode == 0 && !version.output.isEmpty)
        }
    }
}
