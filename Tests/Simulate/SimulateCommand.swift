internal import ArgumentParser
internal import KVService
internal import Simulation

@main
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Histories of whole simulated clusters under faults, and a check of them.",
        discussion: "The same seed gives the same history, to the last message."
    )

    @Option(help: "How many histories, with the seeds that follow.")
    var histories = 1

    @Option(help: "Decides all that happens in the first history.")
    var seed: UInt64 = .random(in: 1...999_999_999)

    @Option(help: "promises: one replica of a shard is down at a time. crashes: any number are.")
    var mode: Scenario.Mode?

    @Option(help: "How many histories run at a time.")
    var jobs = 2

    @Option(help: "A rule that the servers are to break.")
    var unsafeOff: [ReplicationCoordinator.Ablation] = []

    @Flag(help: "Tell everything that happens.")
    var verbose = false

    func validate() throws {
        if histories < 1 { throw ValidationError("--histories must be above 0") }
        if jobs < 1 { throw ValidationError("--jobs must be above 0") }
    }

    func run() async throws {
        var totals = Totals()
        var bad: [SimulatedHistory.Report] = []
        await withTaskGroup(of: SimulatedHistory.Report.self) { group in
            for index in 0..<histories {
                if index >= jobs, let report = await group.next() { totals.add(report, &bad) }
                let history = SimulatedHistory(scenario(seed &+ UInt64(index)), isLogging: verbose)
                group.addTask { await Self.run(history) }
            }
            for await report in group { totals.add(report, &bad) }
        }
        if verbose && bad.isEmpty { print(totals.story.joined(separator: "\n")) }
        // The first few say what is wrong; the seeds of all are there to be run again.
        for report in bad.sorted(by: { $0.scenario.seed < $1.scenario.seed }).prefix(5) { tell(report) }
        if bad.count > 5 { print("failing seeds: \(bad.map(\.scenario.seed).sorted())") }
        print("seeds \(seed)...\(seed &+ UInt64(histories - 1)): \(totals.line)")
        if !bad.isEmpty { throw ExitCode(1) }
    }

    @concurrent
    private static func run(_ history: SimulatedHistory) async -> SimulatedHistory.Report { history.run() }

    private func scenario(_ seed: UInt64) -> Scenario {
        var scenario = Scenario(seed: seed, mode: mode ?? (seed % 4 == 0 ? .crashes : .promises))
        scenario.ablations = Set(unsafeOff)
        return scenario
    }

    /// Runs a failed history again, for its story.
    private func tell(_ report: SimulatedHistory.Report) {
        let again = SimulatedHistory(scenario(report.scenario.seed), isLogging: true).run()
        print(again.events.joined(separator: "\n"))
        for failure in again.failures { print("FAILURE \(failure)") }
        for violation in again.violations { print("VIOLATION \(violation)") }
        let rules = unsafeOff.map { " --unsafe-off \($0.rawValue)" }.joined()
        let mode = mode.map { " --mode \($0.rawValue)" } ?? ""
        print("again: scripts/simulate.sh --histories 1 --seed \(report.scenario.seed)\(mode)\(rules)\n")
    }
}

extension Scenario.Mode: ExpressibleByArgument {}
extension ReplicationCoordinator.Ablation: ExpressibleByArgument {}
