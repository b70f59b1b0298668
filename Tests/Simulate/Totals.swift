internal import KVHistory
internal import Simulation

/// Counts of all histories.
struct Totals {
    private var histories = 0
    private var operations = 0
    private var acknowledged = 0
    private var indeterminate = 0
    private var failedReads = 0
    private var waived = 0
    private var excused = 0
    private var milliseconds: UInt64 = 0
    private var faults: [String: Int] = [:]
    private var problems: [String: Int] = [:]
    private(set) var events: [String] = []

    mutating func add(_ report: SimulatedHistory.Report, _ bad: inout [SimulatedHistory.Report]) {
        histories += 1
        operations += report.operations
        acknowledged += report.acknowledgedWrites
        indeterminate += report.indeterminateWrites
        failedReads += report.failedReads
        waived += report.waivedShards.isEmpty || report.scenario.mode == .crashes ? 0 : 1
        excused += report.excused.isEmpty || report.scenario.mode == .crashes ? 0 : 1
        milliseconds += report.milliseconds
        for (kind, count) in report.faults { faults[kind, default: 0] += count }
        for violation in report.violations { problems[violation.kind.rawValue, default: 0] += 1 }
        if !report.failures.isEmpty { problems["notRecovered", default: 0] += report.failures.count }
        events += report.events
        if !report.isGood { bad.append(report) }
    }

    var line: String {
        let total = problems.values.reduce(0, +)
        return """
            \(histories) histories of \(milliseconds / 1000) s in all, \(operations) operations, \
            \(acknowledged) acknowledged writes, \(indeterminate) indeterminate, \(failedReads) failed reads, \
            faults: \(Self.list(faults)), with waived copies, one crash at a time: \(waived), of these with losses: \(excused), \
            violations: \(total)\(total == 0 ? "" : " (\(Self.list(problems)))")
            """
    }

    private static func list(_ counts: [String: Int]) -> String {
        counts.isEmpty
            ? "none" : counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
}
