internal import Foundation
internal import KVHistory

/// What came of a run.
struct ChaosReport {
    let scenario: Scenario
    let history: History
    /// Faults by kind, and failed reads.
    let tally: [String: Int]
    let waivedCopies: UInt64
    /// What the cluster did not do: become ready, stay alive.
    let failures: [String]
    let violations: [Violation]

    var isGood: Bool { failures.isEmpty && violations.isEmpty }

    /// One line, which ends with the violations.
    var summary: String { ChaosTotals([self]).line(label: "seed \(scenario.seed)") }

    /// Leaves everything that is known of the run.
    func write(to directory: URL) throws {
        let problems = failures.map { "FAILURE \($0)" } + violations.map { "VIOLATION \($0)" }
        for (name, lines) in [
            ("problems.txt", problems), ("schedule.txt", scenario.lines), ("history.txt", history.lines),
        ] {
            let text = lines.joined(separator: "\n") + "\n"
            try Data(text.utf8).write(to: directory.appendingPathComponent(name))
        }
    }
}

/// Counts of one run or of several.
struct ChaosTotals {
    private var operations = 0
    private var acknowledged = 0
    private var indeterminate = 0
    private var failedReads = 0
    private var waivedCopies: UInt64 = 0
    private var faults: [String: Int] = [:]
    private var problems: [String: Int] = [:]

    init(_ reports: [ChaosReport]) {
        for report in reports {
            let writes = report.history.writes
            failedReads += report.tally[Recorder.failedReads] ?? 0
            operations += writes.count + report.history.reads.count
            acknowledged += writes.count { $0.outcome == .acknowledged }
            indeterminate += writes.count { $0.outcome == .indeterminate }
            waivedCopies += report.waivedCopies
            for (kind, count) in report.tally where kind != Recorder.failedReads { faults[kind, default: 0] += count }
            for violation in report.violations { problems[violation.kind.rawValue, default: 0] += 1 }
            if !report.failures.isEmpty { problems["notRecovered", default: 0] += report.failures.count }
        }
        operations += failedReads
    }

    func line(label: String) -> String {
        let total = problems.values.reduce(0, +)
        return """
            \(label): \(operations) operations, \(acknowledged) acknowledged writes, \(indeterminate) indeterminate, \
            \(failedReads) failed reads, faults: \(Self.list(faults)), waived copies: \(waivedCopies), \
            violations: \(total)\(total == 0 ? "" : " (\(Self.list(problems)))")
            """
    }

    private static func list(_ counts: [String: Int]) -> String {
        counts.isEmpty
            ? "none" : counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
}
