import Glibc
import KVService
import Simulation
import Testing

/// Whole clusters under faults. `scripts/simulate.sh` runs thousands of these; SHARDKV_SIMULATIONS=N makes the tests longer.
@Suite struct HistoryTests {
    static let runs = getenv("SHARDKV_SIMULATIONS").flatMap { UInt64(String(cString: $0)) } ?? 10

    @Test(arguments: 0..<runs) func nothingAcknowledgedIsLost(seed: UInt64) {
        check(Scenario(seed: seed, mode: .promises))
    }

    @Test(arguments: 0..<runs) func clusterServesAgainAfterAnyCrashes(seed: UInt64) {
        check(Scenario(seed: seed, mode: .crashes))
    }

    private func check(_ scenario: Scenario) {
        let report = SimulatedHistory(scenario).run()
        #expect(
            report.isGood,
            "\(report.failures) \(report.violations) again: scripts/simulate.sh --seed \(scenario.seed) --mode \(scenario.mode)"
        )
        #expect(report.acknowledgedWrites > 0)
    }

    /// The checker is checked: servers that break a rule are caught.
    @Test(arguments: ReplicationCoordinator.Ablation.allCases) func brokenRuleIsFound(
        rule: ReplicationCoordinator.Ablation
    ) {
        let seed = (0..<400 as Range<UInt64>).first { seed in
            var scenario = Scenario(seed: seed, mode: .promises)
            scenario.ablations = [rule]
            return !SimulatedHistory(scenario).run().violations.isEmpty
        }
        #expect(seed != nil)
    }
}
