internal import KVCore
package import KVHistory
internal import KVService
internal import KVSharding

/// One history from a seed: a cluster under load and faults, mended, and checked.
package struct SimulatedHistory: Sendable {
    /// What came of it.
    package struct Report: Sendable {
        package var scenario: Scenario
        package var operations = 0
        package var acknowledgedWrites = 0
        package var indeterminateWrites = 0
        package var failedReads = 0
        package var faults: [String: Int] = [:]
        /// Shards of which a part was waited for no longer.
        package var waivedShards: Set<Int> = []
        /// What the cluster did not do once all was well.
        package var failures: [String] = []
        package var violations: [Violation] = []
        /// Those of shards of which something was waived, or that crashes may have lost.
        package var excused: [Violation] = []
        package var milliseconds: UInt64 = 0
        /// Markers of deleted and expired keys on all nodes when the copies were equal; looked at in slow histories.
        package var markers: UInt64 = 0
        /// How long after that the last of them went.
        package var markersGoneAfterMilliseconds: UInt64 = 0
        package var events: [String] = []

        package var isGood: Bool { failures.isEmpty && violations.isEmpty }
    }

    /// How long a cluster that is well may take to serve by its last map.
    private static let settleMilliseconds: UInt64 = 60_000
    /// Two rounds of repair, and the time for the second one's copies.
    private static let repairMilliseconds: UInt64 = 12_000
    /// A marker's own 60 s; 35 s until what the others pulled counts, twice, 60 s apart; the time of these pulls.
    private static let markerMilliseconds: UInt64 = 180_000

    private var scenario: Scenario
    private let isLogging: Bool

    package init(_ scenario: Scenario, isLogging: Bool = false) {
        self.scenario = scenario
        self.isLogging = isLogging
    }

    package func run() -> Report {
        var policy = ReplicationCoordinator.Policy()
        policy.ablations = scenario.ablations
        policy.copyBytesPerSecond = 1 << 20
        if let bytes = scenario.copyPageBytes { policy.copyPageBytes = bytes }
        if let changes = scenario.recordedChangesMax { policy.recordedChangesMax = changes }
        let cluster = Cluster(
            seed: scenario.seed,
            shardCount: scenario.shardCount,
            network: Network(scenario.network),
            clockOffsets: scenario.clockOffsets,
            policy: policy,
            isLogging: isLogging
        )
        defer { cluster.stop() }
        for line in scenario.lines { cluster.log(line) }
        let map = scenario.firstMap
        for name in scenario.nodes { cluster.start(name, map) }
        _ = cluster.run(atMost: 12_000) { cluster.isSettled(map) }
        let clients = scenario.clients.enumerated().map { number, name in
            Client(
                name,
                cluster: cluster,
                map: map,
                epoch: 1,
                clockOffset: scenario.clockOffsets[name] ?? 0,
                seed: scenario.seed &* 31 &+ UInt64(number)
            )
        }
        let load = SimulatedLoad(scenario, cluster, clients)
        let faults = Faults(scenario, cluster, clients)
        load.start()
        faults.start()
        cluster.run(milliseconds: UInt64(scenario.milliseconds))
        faults.heal()
        cluster.run(milliseconds: 500)
        load.stop()
        // Until no call is under way, and short lives are over: what is about to expire is not worth a repair.
        cluster.run(milliseconds: SimulatedLoad.shortLives.upperBound + scenario.clockToleranceMilliseconds)
        return check(cluster, clients, faults)
    }

    private func check(_ cluster: Cluster, _ clients: [Client], _ faults: Faults) -> Report {
        var report = Report(scenario: faults.scenario)
        let scenario = faults.scenario
        let last = scenario.map(UInt64(scenario.series.maps.count))
        if !cluster.run(atMost: Self.settleMilliseconds, until: { cluster.isSettled(last) }) {
            report.failures.append("not settled: \(unsettled(cluster, last))")
        } else if !cluster.run(atMost: Self.repairMilliseconds, until: { areEqual(cluster, last) }) {
            report.failures.append("digests differ after two rounds of repair")
        }
        var history = History()
        history.writes = clients.flatMap(\.writes)
        history.reads = clients.flatMap(\.reads)
        history.servings = cluster.servings()
        history.drops = cluster.drops
        history.shardCount = scenario.shardCount
        history.copies = copies(of: history.writtenKeys, cluster, last)
        for (_, event) in cluster.reports {
            if case .waived(let shard, _) = event { report.waivedShards.insert(shard) }
        }
        report.operations = history.writes.count + history.reads.count
        report.acknowledgedWrites = history.writes.count { $0.outcome == .acknowledged }
        report.indeterminateWrites = history.writes.count { $0.outcome == .indeterminate }
        report.failedReads = clients.reduce(0) { $0 + $1.failedReads }
        report.faults = faults.counts
        judge(history, last, &report)
        if report.failures.isEmpty { report.failures += unserved(cluster, clients, last) }
        if report.failures.isEmpty, scenario.pace > 1 { awaitMarkers(cluster, &report) }
        report.milliseconds = cluster.now - Cluster.beginning
        report.events = cluster.events
        return report
    }

    private func judge(_ history: History, _ map: ShardMap, _ report: inout Report) {
        let promises = Promises(
            clockToleranceMilliseconds: scenario.clockToleranceMilliseconds,
            oneSeesAll: report.scenario.series.everyOwnerHearsOfChanges,
            // What a read repairs, it repairs in the background.
            quorumReadsAreMonotone: false
        )
        for violation in history.violations(of: promises) {
            let isExcused = isExcused(violation, history, map, report)
            if isExcused { report.excused.append(violation) } else { report.violations.append(violation) }
        }
    }

    private func isExcused(_ violation: Violation, _ history: History, _ map: ShardMap, _ report: Report) -> Bool {
        switch violation.kind {
        case .invented, .failedWriteSeen, .seenTooEarly, .versionReused, .longerLife, .expiredValue: return false
        case .replicasDiffer: return !report.failures.isEmpty
        case .lostOrder, .writeBelowRead, .staleRead, .readWentBack, .resurrection, .earlyExpiry, .lostWrite,
            .twoEpochs:
            if scenario.mode == .crashes { return true }
            let shard =
                switch violation.subject {
                case .write(let index): map.shard(ofKey: history.writes[index].key)
                case .read(let index): map.shard(ofKey: history.reads[index].key)
                case .copy(let index): map.shard(ofKey: history.copies[index].key)
                case .shard(let shard): shard
                }
            return report.waivedShards.contains(shard)
        }
    }

    // MARK: What is true at the end

    private func areEqual(_ cluster: Cluster, _ map: ShardMap) -> Bool {
        map.shards.allSatisfy { shard in
            let digests = map.members(of: shard).map { name in
                cluster.processes[name]?.node.digest(of: shard, cutoff: cluster.now)
            }
            return Set(digests).count <= 1
        }
    }

    private func copies(of keys: Set<[UInt8]>, _ cluster: Cluster, _ map: ShardMap) -> [Copy] {
        keys.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { key in
            map.members(of: map.shard(ofKey: key)).compactMap { name in
                let begin = cluster.instant()
                guard case .success(let response) = cluster.read(key, on: name) else { return nil }
                return Copy(node: name, key: key, span: Span(begin, cluster.instant()), record: Record(response))
            }
        }
    }

    /// Rule 4: where all replicas are there, every marker goes.
    private func awaitMarkers(_ cluster: Cluster, _ report: inout Report) {
        let begin = cluster.now
        report.markers = cluster.markers
        if !cluster.run(atMost: Self.markerMilliseconds, until: { cluster.markers == 0 }) {
            report.failures.append("\(cluster.markers) of \(report.markers) markers are left")
        }
        report.markersGoneAfterMilliseconds = cluster.now - begin
    }

    private func unsettled(_ cluster: Cluster, _ map: ShardMap) -> String {
        map.shards.flatMap { shard in
            scenario.nodes.compactMap { name in
                let wanted = map.members(of: shard).contains(name) ? "serving" : "absent"
                let state = "\(cluster.state(shard, on: name))"
                return state == wanted ? nil : "shard \(shard) on \(name) is \(state), not \(wanted)"
            }
        }.joined(separator: "; ")
    }

    /// Every client can write to every shard.
    private func unserved(_ cluster: Cluster, _ clients: [Client], _ map: ShardMap) -> [String] {
        var missing: Set<String> = []
        for client in clients {
            for number in 0..<20 * scenario.shardCount {
                let key = Array("last \(number)".utf8)
                if map.members(of: map.shard(ofKey: key)).isEmpty { continue }
                let what = "\(client.name) cannot write to shard \(map.shard(ofKey: key))"
                missing.insert(what)
                client.write(key, [1], at: .all) { if $0 == .acknowledged { missing.remove(what) } }
            }
        }
        cluster.run(milliseconds: 2 * Client.callMilliseconds)
        return missing.sorted()
    }
}
