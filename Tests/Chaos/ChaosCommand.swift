internal import ArgumentParser
internal import Dispatch
internal import Foundation
internal import ShardKV
internal import Synchronization

@main
struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Load and faults on a real cluster, and a check of its history."
    )

    @Option(help: "How long faults go on in each history.")
    var seconds = 10.0

    @Option(help: "Decides what happens, and when; that of the first history.")
    var seed: UInt64 = .random(in: 1...999_999_999)

    @Option(help: "How many histories, one after the other, with the seeds that follow.")
    var histories = 1

    @Option(help: "The shardkv that is tested.")
    var binary: String

    @Option(help: "Calls a second, about, of all clients together.")
    var rate = 600

    @Option(help: "How many seconds nodes may take to become ready after the last fault.")
    var recovery = 30

    @Option(help: "How many seconds the copies may take to become equal.")
    var repair = 12

    @Option(help: "Where a failed history leaves what is known of it.")
    var output: String?

    @Option(help: "A rule that the servers are to break.")
    var unsafeOff: String?

    @Flag(help: "Say what would happen, and do nothing.")
    var showSchedule = false

    func validate() throws {
        if seconds <= 0 { throw ValidationError("--seconds must be above 0") }
        if histories < 1 { throw ValidationError("--histories must be above 0") }
        if rate < 1 { throw ValidationError("--rate must be above 0") }
    }

    func run() async throws {
        if showSchedule { return tell(scenario(seed).lines.joined(separator: "\n")) }
        let interrupts = Interrupts.install()
        defer { withExtendedLifetime(interrupts) {} }
        var reports: [ChaosReport] = []
        var bad: [UInt64] = []
        for index in 0..<histories {
            let report = try await history(seed &+ UInt64(index))
            if histories > 1 { tell(report.summary) }
            if !report.isGood { bad.append(report.scenario.seed) }
            reports.append(report)
        }
        let label = histories == 1 ? "seed \(seed)" : "\(histories) histories from seed \(seed)"
        tell(ChaosTotals(reports).line(label: label))
        if !bad.isEmpty { throw ExitCode(1) }
    }

    private func scenario(_ seed: UInt64) -> Scenario { Scenario(seed: seed, milliseconds: Int(seconds * 1000)) }

    private func history(_ seed: UInt64) async throws -> ChaosReport {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "shardkv-chaos-\(ProcessInfo.processInfo.processIdentifier)-\(seed)"
        )
        Interrupts.directory.withLock { $0 = directory }
        defer { try? FileManager.default.removeItem(at: directory) }
        let run = ChaosRun(
            scenario: scenario(seed),
            configuration: .init(
                binary: binary,
                serverOptions: unsafeOff.map { ["--unsafe-off", $0] } ?? [],
                rate: rate,
                recoverySeconds: recovery,
                repairSeconds: repair
            ),
            directory: directory
        )
        tell("seed \(seed) begins")
        let watchdog = DispatchSource.makeTimerSource(queue: .global())
        watchdog.setEventHandler { give(up: run) }
        watchdog.schedule(deadline: .now() + .seconds(run.longestSeconds))
        watchdog.resume()
        defer { watchdog.cancel() }
        let report = try await run.run()
        if !report.isGood { try leave(report, directory) }
        return report
    }

    /// A history does not end, and neither would this program.
    private func give(up run: ChaosRun) {
        let report = run.hung
        do { try leave(report, run.directory) } catch { tell("FAILURE \(error)") }
        tell(report.summary)
        Children.killAll()
        try? FileManager.default.removeItem(at: run.directory)
        Foundation.exit(1)
    }

    private func leave(_ report: ChaosReport, _ directory: URL) throws {
        for failure in report.failures { tell("FAILURE \(failure)") }
        for violation in report.violations.prefix(20) { tell("VIOLATION \(violation)") }
        if report.violations.count > 20 { tell("and \(report.violations.count - 20) more violations") }
        let target = URL(fileURLWithPath: output ?? "chaos-failures").appendingPathComponent(
            "seed-\(report.scenario.seed)"
        )
        try report.write(to: directory)
        try? FileManager.default.removeItem(at: target)
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try FileManager.default.copyItem(at: directory, to: target)
        let rule = unsafeOff.map { " --unsafe-off \($0)" } ?? ""
        tell("history, schedule, logs and maps: \(target.path)")
        tell("again: scripts/chaos.sh --seconds \(seconds) --seed \(report.scenario.seed)\(rule)")
    }

    /// At once, wherever it goes: a run takes long.
    private func tell(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
}
