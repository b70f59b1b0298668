import Foundation
import Testing

extension ProcessTests {
    /// The scenarios that every client must pass, with the shell as the client.
    @Suite(.serialized)
    struct FakeClusterTests {
        static let folder = URL(filePath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "proto/conformance/scenarios")

        static let scenarios: [String] = {
            let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
            return files.filter { $0.hasSuffix(".txt") }.sorted()
        }()

        private func play(_ scenario: String, to client: [String]) async throws -> Finished {
            let path = Self.folder.appending(path: scenario).path
            return try await RunningProcess(["fake-cluster", "--plays=2", path, "--"] + client).finish()
        }

        @Test func thereAreScenarios() {
            #expect(Self.scenarios.count >= 15)
        }

        @Test(arguments: scenarios)
        func theShellPasses(_ scenario: String) async throws {
            let result = try await play(scenario, to: [Binary.path, "shell"])
            #expect(result.exitCode == 0, "\(result.text)\(result.errors)")
        }

        @Test func aClientThatOnlyPretendsFails() async throws {
            let pretender = ["/bin/sh", "-c", "while read -r line; do echo OK; done"]
            let result = try await play("healthy.txt", to: pretender)
            #expect(result.exitCode == 1)
            #expect(result.text.contains("FAILED line 7: asked n1 set 1\n"), "\(result.text)")
            #expect(result.text.contains("ok     line 6: reply OK\n"), "\(result.text)")
        }

        @Test func aClientThatSpeaksAnotherProtocolFails() async throws {
            let script = #"""
                port=$(grep -o '"n1": { "address": "127.0.0.1", "port": [0-9]*' "$SHARDKV_SHARDMAP" | grep -o '[0-9]*$')
                exec 3<>"/dev/tcp/127.0.0.1/$port"
                printf 'GET / HTTP/1.1\r\n\r\n' >&3
                cat <&3 >/dev/null
                while read -r line; do echo OK; done
                """#
            let result = try await play("routing.txt", to: ["/bin/bash", "-c", script])
            #expect(result.exitCode == 1)
            #expect(result.text.contains("n1 got a wrong preface"), "\(result.text)")
        }

        @Test func faultsAreExplained() async throws {
            let silent = try await play("healthy.txt", to: ["/bin/true"])
            #expect(silent.exitCode == 1 && silent.text.contains("the reply is missing"), "\(silent.text)")
            let missing = try await play("no-such-scenario.txt", to: ["/bin/true"])
            #expect(missing.exitCode == 2 && missing.errors.contains("no-such-scenario.txt"), "\(missing.errors)")
            let unrunnable = try await play("healthy.txt", to: ["/no/such/client"])
            #expect(unrunnable.exitCode == 2 && unrunnable.errors.contains("/no/such/client"), "\(unrunnable.errors)")
        }
    }
}
