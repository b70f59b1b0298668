internal import KVCore
package import KVHistory
package import KVService
package import KVSharding
package import KVWire
internal import Synchronization

/// A whole cluster in one thread: real nodes, a simulated network, a manual clock. The same seed gives the same run.
package final class Cluster {
    /// The time at the start, in milliseconds since 1970.
    package static let beginning: UInt64 = 1_000_000

    package var random: SeededRandom
    package var network: Network
    package private(set) var now = Cluster.beginning
    package private(set) var processes: [String: Process] = [:]
    /// What happened, for people; empty unless it `isLogging`.
    package private(set) var events: [String] = []
    /// What nodes reported, in order.
    package private(set) var reports: [(node: String, event: ReplicationEvent)] = []
    package let shardCount: Int
    /// How far nodes' own clocks are wrong.
    package let clockOffsets: [String: Int64]
    private let policy: ReplicationCoordinator.Policy
    private let isLogging: Bool
    private var agenda = Agenda()
    private var lives: UInt64 = 0
    private var lastInstant: UInt64 = 0
    /// The map that each node's file holds; it outlives crashes.
    private var files: [String: (map: ShardMap, epoch: UInt64)] = [:]
    private var serving = ServingLog()
    private var dropLog = DropLog()
    private let inbox = Inbox()

    private final class Inbox: Sendable {
        let reports = Mutex<[(node: String, event: ReplicationEvent)]>([])
    }

    package init(
        seed: UInt64,
        shardCount: Int,
        network: Network = Network(),
        clockOffsets: [String: Int64] = [:],
        policy: ReplicationCoordinator.Policy = ReplicationCoordinator.Policy(),
        isLogging: Bool = true
    ) {
        random = SeededRandom(seed: seed)
        self.shardCount = shardCount
        self.network = network
        self.clockOffsets = clockOffsets
        self.policy = policy
        self.isLogging = isLogging
    }

    // MARK: Time

    package func after(_ milliseconds: UInt64, _ action: @escaping () -> Void) {
        agenda.plan(at: now + milliseconds, action)
    }

    package func run(milliseconds: UInt64) {
        let end = now + milliseconds
        while let event = agenda.next(until: end) {
            now = event.time
            event.action()
        }
        now = end
    }

    /// Runs until `condition` holds, at most so long; returns whether it does.
    package func run(atMost milliseconds: UInt64, until condition: () -> Bool) -> Bool {
        let end = now + milliseconds
        while now < end {
            if condition() { return true }
            run(milliseconds: 20)
        }
        return condition()
    }

    /// Nothing happens any more; what was planned is forgotten.
    package func stop() {
        agenda = Agenda()
        network = Network()
    }

    /// Microseconds since 1970, different and greater with each call: a total order of what happens.
    package func instant() -> UInt64 {
        lastInstant = max(lastInstant + 1, now * 1000)
        return lastInstant
    }

    /// A node's own clock.
    package func wall(_ name: String) -> UInt64 { UInt64(Int64(now) + (clockOffsets[name] ?? 0)) }

    // MARK: Processes

    /// Starts a server whose map file holds `map`, or what it held before.
    package func start(_ name: String, _ map: ShardMap? = nil, epoch: UInt64 = 1) {
        if let map { files[name] = (map, epoch) }
        guard let file = files[name] else { preconditionFailure("a server starts with a map") }
        lives += 1
        let inbox = inbox
        let process = Process(
            name: name,
            shardCount: shardCount,
            incarnation: wall(name) * 1000 + lives,
            hashSeed: random.next(),
            policy: policy,
            wall: wall(name),
            report: { event in inbox.reports.withLock { $0.append((name, event)) } }
        )
        processes[name] = process
        log("\(name) starts with map \(file.epoch)")
        process.node.mapChanged(file.map, epoch: file.epoch, now: wall(name))
        perform(name, process)
        tick(name, process)
    }

    package func crash(_ name: String) {
        log("\(name) crashes")
        processes[name] = nil
        serving.crashed(name, at: instant())
    }

    package func hang(_ name: String) {
        log("\(name) hangs")
        processes[name]?.hang()
    }

    package func resume(_ name: String) {
        guard let process = processes[name], process.isHung else { return }
        log("\(name) goes on")
        for body in process.resume() { process.whenAwake(body) }
    }

    /// A new map file; a server that is down finds it when it starts.
    package func deliver(_ map: ShardMap, epoch: UInt64, to name: String) {
        if let file = files[name], file.epoch >= epoch { return }
        files[name] = (map, epoch)
        guard let process = processes[name] else { return }
        process.whenAwake { [self] in
            guard processes[name] === process else { return }
            log("\(name) gets map \(epoch)")
            process.node.mapChanged(map, epoch: epoch, now: wall(name))
            perform(name, process)
        }
    }

    /// The epoch of the map in a node's file.
    package func fileEpoch(_ name: String) -> UInt64 { files[name]?.epoch ?? 0 }

    private func tick(_ name: String, _ process: Process) {
        after(UInt64.random(in: 90...110, using: &random)) { [self] in
            guard processes[name] === process else { return }
            if !process.isHung {
                process.node.tick(now: wall(name))
                perform(name, process)
                _ = process.handler.maintain(now: wall(name))
            }
            tick(name, process)
        }
    }

    /// Takes in what a node has reported, and makes the calls that its replication wants, as its driver would.
    func perform(_ name: String, _ process: Process) {
        let news = inbox.reports.withLock { reports in
            defer { reports = [] }
            return reports
        }
        for report in news { log("\(report.node): \(report.event)") }
        reports += news
        for shard in 1...shardCount {
            let view = process.node.servedView(of: shard)
            if serving.isNews(view, shard, on: name) {
                serving.note(view, shard, on: name, at: instant)
                log("\(name) serves shard \(shard) at epoch \(view?.epoch ?? 0)")
            }
        }
        dropLog.update(newestKnownDrop, at: instant)
        for call in process.node.takeCalls() {
            after(call.delayMilliseconds) { [self] in
                guard processes[name] === process else { return }
                process.whenAwake { self.send(call, from: name, process) }
            }
        }
    }

    // MARK: What is true

    package func log(_ event: @autoclosure () -> String) {
        if isLogging { events.append("\(now - Self.beginning): \(event())") }
    }

    package func state(_ shard: Int, on name: String) -> ShardState {
        processes[name]?.node.state(of: shard) ?? .absent
    }

    /// Every shard of the map is served by its owners, and by nobody else.
    package func isSettled(_ map: ShardMap) -> Bool {
        map.shards.allSatisfy { shard in
            let owners = map.members(of: shard)
            return processes.keys.allSatisfy { name in
                state(shard, on: name) == (owners.contains(name) ? .serving : .absent)
            }
        }
    }

    /// The record of a key on one node, as a client sees it.
    package func read(_ key: [UInt8], on name: String) -> Result<GetResponse, RPCError> {
        guard let process = processes[name] else { return .failure(RPCError(.unavailable, "\(name) is down")) }
        return process.answer(GetRequest(key: key, withMetadata: true), wall: wall(name))
    }

    /// A map that gives the shard to nobody is on its way.
    func drops(_ shard: Int, epoch: UInt64) { dropLog.note(shard, epoch: epoch, at: instant()) }

    /// Of which every node knows; 0 while one is down.
    private func newestKnownDrop(of shard: Int) -> UInt64 {
        files.keys.map { processes[$0]?.node.droppedEpoch(of: shard) ?? 0 }.min() ?? 0
    }

    package var drops: [Drop] { dropLog.all }

    /// Markers of deleted and expired keys on all nodes.
    package var markers: UInt64 {
        processes.values.reduce(0) { sum, process in
            sum + process.node.status(now: now).shards.reduce(0) { $0 + $1.markers }
        }
    }

    /// Which node served which shard when, up to now.
    package func servings() -> [Serving] { serving.all(at: instant()) }
}
