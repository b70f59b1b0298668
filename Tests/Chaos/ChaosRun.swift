internal import Foundation
internal import KVHistory
internal import NIOPosix
internal import ShardKV

/// One history on real processes, from the first start to the check.
struct ChaosRun {
    struct Configuration {
        var binary: String
        var serverOptions: [String]
        var rate: Int
        /// How long nodes may take to become ready after the last fault, and their copies equal.
        var recoverySeconds: Int
        var repairSeconds: Int
    }

    private static let callersPerClient = 6

    let scenario: Scenario
    let configuration: Configuration
    /// For maps, logs and, after a failure, the history.
    let directory: URL
    private let recorder: Recorder

    init(scenario: Scenario, configuration: Configuration, directory: URL) {
        self.scenario = scenario
        self.configuration = configuration
        self.directory = directory
        recorder = Recorder(scenario, wallMilliseconds: SystemTime().wallMilliseconds)
    }

    /// By then the history is over, unless something waits for ever: each of its steps has a limit.
    var longestSeconds: Int {
        scenario.milliseconds / 1000 + 2 * configuration.recoverySeconds + configuration.repairSeconds + 60
    }

    /// Of a history that does not end.
    var hung: ChaosReport {
        let steps = recorder.progress.underWay.joined(separator: ", ")
        return report(failures: ["not over after \(longestSeconds) s; under way: \(steps)"])
    }

    func run() async throws -> ChaosReport {
        let group = MultiThreadedEventLoopGroup.singleton
        let cluster = try await ChaosCluster(
            scenario,
            binary: configuration.binary,
            serverOptions: configuration.serverOptions,
            directory: directory,
            recorder: recorder,
            on: group
        )
        do {
            let report = try await run(cluster)
            await cluster.end()
            return report
        } catch {
            await cluster.end()
            throw error
        }
    }

    private func run(_ cluster: ChaosCluster) async throws -> ChaosReport {
        var failures: [String] = []
        do {
            try await cluster.startAll()
            failures = try await recover(cluster, at: 1)
            if failures.isEmpty {
                try await inject(cluster)
                failures = try await recover(cluster, at: UInt64(scenario.series.maps.count))
            }
        } catch let error as ChaosError {
            failures.append(error.description)
        }
        failures += cluster.died.map { "\($0) ended by itself" }
        if failures.isEmpty, !recorder.snapshot.writes.contains(where: { $0.outcome == .acknowledged }) {
            failures.append("no write was acknowledged")
        }
        if failures.isEmpty { failures = try await awaitRepair(cluster) }
        return report(failures: failures, waivedCopies: await cluster.observer.waivedCopies())
    }

    private func report(failures: [String], waivedCopies: UInt64 = 0) -> ChaosReport {
        let history = recorder.snapshot
        return ChaosReport(
            scenario: scenario,
            history: history,
            tally: recorder.tally,
            waivedCopies: waivedCopies,
            failures: failures,
            violations: history.violations(of: promises)
        )
    }

    private var promises: Promises {
        // What a quorum read repairs, it repairs in the background: an unacknowledged write may be seen, then not.
        Promises(
            clockToleranceMilliseconds: scenario.clockToleranceMilliseconds,
            oneSeesAll: scenario.series.everyOwnerHearsOfChanges,
            quorumReadsAreMonotone: false
        )
    }

    /// Load and faults at once; the load ends a little after the last fault.
    private func inject(_ cluster: ChaosCluster) async throws {
        let step = recorder.progress.begin("load and faults")
        defer { recorder.progress.end(step) }
        let start = ContinuousClock.now
        let injector = FaultInjector(
            cluster: cluster,
            recorder: recorder,
            start: start,
            end: start + .milliseconds(scenario.milliseconds)
        )
        let callers = scenario.clients.count * Self.callersPerClient
        // Calls take their time too, but little of it when all is well.
        let pause = max(1, 2 * 1000 * callers / (configuration.rate * scenario.callRateFactor))
        try await withThrowingTaskGroup { group in
            group.addTask { await cluster.observer.watch() }
            for (index, client) in cluster.loadClients.enumerated() {
                for caller in 0..<Self.callersPerClient {
                    let number = index * Self.callersPerClient + caller
                    group.addTask { await client.call(caller: 100 + number, seed: scenario.seed, pause: pause) }
                }
            }
            try await injector.run()
            try await Task.sleep(until: injector.end, clock: .continuous)
            try await cluster.heal()
            try await Task.sleep(for: .milliseconds(500))
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// - Returns: what keeps the cluster from being ready in the end.
    private func recover(_ cluster: ChaosCluster, at epoch: UInt64) async throws -> [String] {
        let step = recorder.progress.begin("nodes become ready")
        defer { recorder.progress.end(step) }
        let deadline = ContinuousClock.now + .seconds(configuration.recoverySeconds)
        while true {
            let obstacles = await cluster.observer.obstacles(at: epoch)
            if obstacles.isEmpty || ContinuousClock.now > deadline { return obstacles }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Looks at the copies until nothing is missing and all are equal, or the time for repair is over.
    /// - Returns: why the copies are not known.
    private func awaitRepair(_ cluster: ChaosCluster) async throws -> [String] {
        let step = recorder.progress.begin("copies become equal")
        defer { recorder.progress.end(step) }
        let deadline = ContinuousClock.now + .seconds(configuration.repairSeconds)
        while true {
            var failures: [String] = []
            do throws(ChaosError) {
                recorder.replace(copies: try await cluster.observer.copies())
            } catch { failures = [error.description] }
            let isDone = !recorder.snapshot.violations(of: promises).contains {
                $0.kind == .replicasDiffer || $0.kind == .lostWrite
            }
            if (isDone && failures.isEmpty) || ContinuousClock.now > deadline { return failures }
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}
