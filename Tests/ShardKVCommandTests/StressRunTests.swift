import Synchronization
import Testing

@testable import ShardKVCommand

/// A store in memory, with one fault.
private final class MemoryTarget: StressTarget {
    enum Fault { case none, forgets, freezes, mixesKeys, fails }

    private let fault: Fault
    private let values = Mutex<[[UInt8]: [UInt8]]>([:])

    init(_ fault: Fault) {
        self.fault = fault
    }

    func get(_ key: [UInt8]) async throws(StressFailure) -> [UInt8]? {
        switch fault {
        case .fails: throw StressFailure(code: "UNAVAILABLE", message: "down", isIndeterminate: false)
        case .mixesKeys: return Array("someoneelse:1:1:".utf8)
        case .none, .forgets, .freezes: return values.withLock { $0[key] }
        }
    }

    func set(_ key: [UInt8], _ value: [UInt8], ttl: Duration) async throws(StressFailure) {
        switch fault {
        case .forgets: break
        case .fails: throw StressFailure(code: "UNAVAILABLE", message: "down", isIndeterminate: true)
        case .freezes: values.withLock { if $0[key] == nil { $0[key] = value } }
        case .none, .mixesKeys: values.withLock { $0[key] = value }
        }
    }
}

@Suite struct StressRunTests {
    private func run(_ fault: MemoryTarget.Fault, seed: UInt64 = 1) async -> (summary: StressSummary, lines: [String]) {
        let configuration = StressConfiguration(
            getsPerSecond: 4000,
            setsPerSecond: 4000,
            ttl: .zero,
            duration: .milliseconds(150),
            keyCount: 3,
            maxPending: 50,
            burst: 50,
            seed: seed,
            run: 9
        )
        let lines = LineCollector()
        let summary = await run(configuration, fault, lines)
        return (summary, lines.all)
    }

    /// A run that got to both kinds of request: on a machine that is busy elsewhere one can end before its requests are
    /// given a thread.
    private func run(
        _ configuration: StressConfiguration,
        _ fault: MemoryTarget.Fault,
        _ lines: LineCollector = LineCollector()
    ) async -> StressSummary {
        let log = StressLog(isVerbose: false) { lines.append($0) }
        var summary = StressSummary()
        for _ in 0..<50 where summary.gets.total == 0 || summary.sets.total == 0 {
            lines.clear()
            summary = await StressRun(configuration, target: MemoryTarget(fault), log: log).run()
        }
        return summary
    }

    @Test func aCorrectStoreIsFoundCorrect() async {
        let (summary, lines) = await run(.none)
        #expect(summary.wrongAnswers == 0 && lines.isEmpty)
        #expect(summary.gets.succeeded > 0 && summary.gets.failed == 0)
        #expect(summary.sets.succeeded > 0 && summary.sets.failed == 0)
    }

    @Test(arguments: [MemoryTarget.Fault.forgets, .freezes])
    fileprivate func aFaultyStoreIsFoundOut(fault: MemoryTarget.Fault) async {
        var (summary, lines) = await run(fault)
        // On a machine that is busy elsewhere a run can be too short to meet the fault.
        for seed in 2..<50 as Range<UInt64> where summary.wrongAnswers == 0 {
            (summary, lines) = await run(fault, seed: seed)
        }
        #expect(summary.wrongAnswers! > 0)
        let reported = min(summary.wrongAnswers!, StressLog.maxReports)
        #expect(lines.filter { $0.contains("wrong answer: get") }.count == reported)
    }

    @Test func everyWrongAnswerIsCounted() async {
        let (summary, _) = await run(.mixesKeys)
        #expect(summary.wrongAnswers == summary.gets.succeeded && summary.gets.succeeded > 0)
    }

    @Test(.timeLimit(.minutes(5)))
    func endsAndIsFairThoughTheRatesCannotBeMet() async {
        let configuration = StressConfiguration(
            getsPerSecond: 1e9,
            setsPerSecond: 1e9,
            ttl: .zero,
            duration: .milliseconds(100),
            keyCount: 3,
            maxPending: 10,
            burst: 1_000_000_000
        )
        let summary = await run(configuration, .none)
        #expect(summary.gets.total > 0 && summary.sets.total > 0)
        // The kinds take turns; what waits for a thread at the end is left out.
        #expect(abs(summary.gets.total - summary.sets.total) <= configuration.maxPending + 1)
    }

    @Test func aRunThatWasStoppedSendsNothing() async {
        let log = StressLog(isVerbose: false) { _ in }
        let run = StressRun(StressConfiguration(), target: MemoryTarget(.none), log: log)
        run.stop()
        #expect(await run.run().total == 0)
    }

    @Test func failuresAreNoAnswers() async {
        let (summary, _) = await run(.fails)
        #expect(summary.wrongAnswers == 0 && summary.gets.succeeded == 0 && summary.sets.succeeded == 0)
        #expect(summary.failures == ["UNAVAILABLE": summary.total] && summary.total > 0)
    }

    @Test func aSeedRepeatsTheKeys() {
        let configuration = StressConfiguration(keyCount: 100)
        var (first, second) = (SystemRandomNumberGenerator(), SystemRandomNumberGenerator())
        #expect(configuration.keys(using: &first) != configuration.keys(using: &second))
        let keys = configuration.keys(using: &first)
        #expect(
            Set(keys).count == 100 && keys.allSatisfy { $0.count == 10 && $0.allSatisfy { (97...122).contains($0) } }
        )
    }
}
