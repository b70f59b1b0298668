import Foundation
import Testing

extension ProcessTests {
    /// Short runs of chaos on real processes; scripts/chaos.sh makes long ones. SHARDKV_CHAOS=1 turns them on: they take minutes.
    @Suite(.serialized)
    struct ChaosTests {
        static let isOn = ProcessInfo.processInfo.environment["SHARDKV_CHAOS"] == "1"

        @Test(.enabled(if: isOn, "SHARDKV_CHAOS is not 1"), arguments: 1...2) func nothingIsLost(seed: Int) async throws
        {
            let result = try await chaos("--seconds", "8", "--seed", "\(seed)")
            #expect(result.exitCode == 0, "\(result.text)")
        }

        /// The checker is checked: servers that break a rule are caught. The simulation does the same for each rule; here it takes
        /// longer to meet the moment at which two of them matter.
        @Test(.enabled(if: isOn, "SHARDKV_CHAOS is not 1: minutes"), arguments: rules)
        func brokenRuleIsFound(rule: String) async throws {
            let result = try await chaos(
                "--seconds",
                "8",
                "--histories",
                "3",
                "--repair",
                "6",
                "--seed",
                "2",
                "--unsafe-off",
                rule
            )
            #expect(result.exitCode == 1, "\(result.text) \(result.errors)")
            let last = result.text.split(separator: "\n").last ?? ""
            #expect(last.contains("violations: ") && !last.contains("violations: 0"), "\(result.text)")
            #expect(!result.text.contains("not over after"), "what hangs is no proof: \(result.text)")
        }

        /// SHARDKV_CHAOS_RULES=seal,early-drop,versions tries more.
        static let rules =
            ProcessInfo.processInfo.environment["SHARDKV_CHAOS_RULES"]?.split(separator: ",").map(String.init) ?? [
                "versions"
            ]

        @Test func seedGivesTheSameSchedule() async throws {
            let schedules = try await [1, 1, 2].asyncMap { seed in
                try await chaos("--seconds", "60", "--seed", "\(seed)", "--show-schedule").text
            }
            #expect(schedules[0] == schedules[1] && schedules[0] != schedules[2])
            #expect(schedules[0].contains("kill"), "\(schedules[0])")
        }

        private func chaos(_ arguments: String...) async throws -> Finished {
            let output = FileManager.default.temporaryDirectory.appendingPathComponent("shardkv-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: output) }
            return try await RunningProcess(
                ["--binary", Binary.path, "--output", output.path] + arguments,
                executable: Binary.chaos
            ).finish(within: 300)
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
