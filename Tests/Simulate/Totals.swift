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
    private var excused: [UInt64] = []
    private var markers: UInt64 = 0
    private var markerMilliseconds: UInt64 = 0
    private var milliseconds: UInt64 = 0
    private var faults: [String: Int] = [:]
    private var problems: [String: Int] = [:]
    /// What happened, and what of it is owed to nobody since copies were waived.
    private(set) var story: [String] = []

    mutating func add(_ report: SimulatedHistory.Report, _ bad: inout [SimulatedHistory.Report]) {
        histories += 1
        operations += report.operations
        acknowledged += report.acknowledgedWrites
        indeterminate += report.indeterminateWrites
        failedReads += report.failedReads
        waived += report.waivedShards.isEmpty || report.scenario.mode == .crashes ? 0 : 1
        if !report.excused.isEmpty && report.scenario.mode != .crashes { excused.append(report.scenario.seed) }
        milliseconds += report.milliseconds
        markers += report.markers
        markerMilliseconds = max(markerMilliseconds, report.markersGoneAfterMilliseconds)
        for (kind, count) in report.faults { faults[kind, default: 0] += count }
        for violation in report.violations { problems[violation.kind.rawValue, default: 0] += 1 }
        if !report.failures.isEmpty { problems["notRecovered", default: 0] += report.failures.count }
        story += report.events + report.excused.map { "EXCUSED \($0)" }
        if !report.isGood { bad.append(report) }
    }

    var line: String {
        let total = problems.values.reduce(0, +)
        return """
            \(histories) histories of \(milliseconds / 1000) s in all, \(operations) operations, \
            \(acknowledged) acknowledged writes, \(indeterminate) indeterminate, \(failedReads) failed reads, \
            faults: \(Self.list(faults)), markers: \(markers), gone after \(markerMilliseconds / 1000) s at most, with waived copies, one crash at a time: \(waived), of these with losses: \(excused.count)\
            \(excused.isEmpty ? "" : " (seeds \(excused.sorted().map(String.init).joined(separator: ", ")))"), \
            violations: \(total)\(total == 0 ? "" : " (\(Self.list(problems)))")
            """
    }

    private static func list(_ counts: [String: Int]) -> String {
        counts.isEmpty
            ? "none" : counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
}
