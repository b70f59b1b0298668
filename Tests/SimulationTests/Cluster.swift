import KVCore
import KVSharding
import KVWire
import Synchronization

@testable import KVService

/// A whole cluster in one thread: real nodes, a simulated network, a manual clock. The same seed gives the same run.
final class Cluster {
    var random: SeededGenerator
    var network: NetworkConditions
    private(set) var now: UInt64 = 1_000_000
    private(set) var processes: [String: Process] = [:]
    private(set) var events: [String] = []
    let shardCount: Int
    private var agenda = Agenda()
    private var lives: UInt64 = 0
    /// The newest map that each node's file holds; it outlives crashes.
    private var files: [String: (map: ShardMap, epoch: UInt64)] = [:]
    private let reported = Reported()

    private final class Reported: Sendable {
        let events = Mutex<[String]>([])
    }

    init(seed: UInt64, shardCount: Int, network: NetworkConditions = NetworkConditions()) {
        random = SeededGenerator(seed: seed)
        self.shardCount = shardCount
        self.network = network
    }

    // MARK: Time

    func after(_ milliseconds: UInt64, _ action: @escaping () -> Void) {
        agenda.plan(at: now + milliseconds, action)
    }

    func run(milliseconds: UInt64) {
        let end = now + milliseconds
        while let event = agenda.next(until: end) {
            now = event.time
            event.action()
        }
        now = end
    }

    /// Runs until `condition` holds, at most so long; returns whether it does.
    func run(atMost milliseconds: UInt64, until condition: () -> Bool) -> Bool {
        let end = now + milliseconds
        while now < end {
            if condition() { return true }
            run(milliseconds: 20)
        }
        return condition()
    }

    // MARK: Processes

    /// Starts a server whose map file holds `map`, or what it held before.
    func start(_ name: String, _ map: ShardMap? = nil, epoch: UInt64 = 1) {
        if let map { files[name] = (map, epoch) }
        guard let file = files[name] else { preconditionFailure("a server starts with a map") }
        lives += 1
        let reported = reported
        let process = Process(
            name: name,
            shardCount: shardCount,
            incarnation: now * 1000 + lives,
            hashSeed: random.next(),
            now: now,
            report: { event in reported.events.withLock { $0.append("\(name): \(event)") } }
        )
        processes[name] = process
        log("\(name) starts with map \(file.epoch)")
        process.node.mapChanged(file.map, epoch: file.epoch, now: now)
        perform(name, process)
        tick(name, process)
    }

    func crash(_ name: String) {
        log("\(name) crashes")
        processes[name] = nil
    }

    /// A new map file; a server that is down finds it when it starts.
    func deliver(_ map: ShardMap, epoch: UInt64, to name: String) {
        if let file = files[name], file.epoch >= epoch { return }
        files[name] = (map, epoch)
        guard let process = processes[name] else { return }
        log("\(name) gets map \(epoch)")
        process.node.mapChanged(map, epoch: epoch, now: now)
        perform(name, process)
    }

    private func tick(_ name: String, _ process: Process) {
        after(UInt64.random(in: 90...110, using: &random)) { [self] in
            guard processes[name] === process else { return }
            if !process.isHung {
                process.node.tick(now: now)
                perform(name, process)
                _ = process.handler.maintain(now: now)
            }
            tick(name, process)
        }
    }

    // MARK: Messages

    /// Sends a request, and hands over the answer, or the error that a caller would see.
    func send<Request: RequestMessage>(
        _ request: Request,
        to name: String,
        timeoutMilliseconds: UInt64,
        _ done: @escaping (Result<Request.Response, RPCError>) -> Void
    ) {
        var isDone = false
        func finish(_ result: Result<Request.Response, RPCError>) {
            if isDone { return }
            isDone = true
            done(result)
        }
        after(timeoutMilliseconds) { finish(.failure(RPCError(.deadlineExceeded, "no answer from \(name)"))) }
        transmit { [self] in
            guard let process = processes[name] else {
                transmit { finish(.failure(RPCError(.unavailable, "\(name) refuses connections", reason: .refused))) }
                return
            }
            if process.isHung { return }
            let result = process.answer(request, now: now)
            perform(name, process)
            transmit { finish(result) }
        }
    }

    private func transmit(_ arrive: @escaping () -> Void) {
        if random.chance(network.lossProbability) { return }
        after(UInt64.random(in: network.delayMilliseconds, using: &random), arrive)
        if random.chance(network.duplicationProbability) {
            after(UInt64.random(in: network.delayMilliseconds, using: &random), arrive)
        }
    }

    /// Makes the calls that a node's replication wants, as its driver would.
    private func perform(_ name: String, _ process: Process) {
        for event in reported.events.withLock({ events in
            defer { events = [] }
            return events
        }) { log(event) }
        func report(_ body: @escaping (Node) -> Void) {
            guard processes[name] === process else { return }
            if process.isHung {
                after(100) { report(body) }
                return
            }
            body(process.node)
            perform(name, process)
        }
        for call in process.node.takeCalls() {
            func replied(_ result: Result<PeerResponse, RPCError>) {
                report { $0.replied(call.token, result, now: self.now) }
            }
            after(call.delayMilliseconds) { [self] in
                guard processes[name] === process else { return }
                let timeout = UInt64(call.timeoutMilliseconds)
                switch call.request {
                case .exchange(let request):
                    send(request, to: call.node, timeoutMilliseconds: timeout) {
                        replied($0.map(PeerResponse.exchange))
                    }
                case .activate(let request):
                    send(request, to: call.node, timeoutMilliseconds: timeout) {
                        replied($0.map(PeerResponse.activate))
                    }
                case .compare(let request):
                    send(request, to: call.node, timeoutMilliseconds: timeout) { replied($0.map(PeerResponse.compare)) }
                case .digests(let request):
                    send(request, to: call.node, timeoutMilliseconds: timeout) { replied($0.map(PeerResponse.digests)) }
                case .versions(let request):
                    send(request, to: call.node, timeoutMilliseconds: timeout) {
                        replied($0.map(PeerResponse.contents))
                    }
                case .records(let request):
                    send(request, to: call.node, timeoutMilliseconds: timeout) {
                        replied($0.map(PeerResponse.contents))
                    }
                case .contents(let request):
                    send(request, to: call.node, timeoutMilliseconds: timeout) {
                        replied($0.map(PeerResponse.contents))
                    }
                }
            }
        }
    }

    // MARK: What is true

    func log(_ event: String) { events.append("\(now - 1_000_000): \(event)") }

    func state(_ shard: Int, on name: String) -> ShardState {
        processes[name]?.node.replication.withLock { $0.coordinator.replicas[shard]?.state } ?? .absent
    }

    /// Every shard of the map is served by its owners, and by nobody else.
    func isSettled(_ map: ShardMap) -> Bool {
        map.shards.allSatisfy { shard in
            let owners = map.members(of: shard)
            return processes.keys.allSatisfy { name in
                state(shard, on: name) == (owners.contains(name) ? .serving : .absent)
            }
        }
    }

    /// The record of a key on one node, as a client sees it.
    func read(_ key: [UInt8], on name: String) -> Result<GetResponse, RPCError> {
        guard let process = processes[name] else { return .failure(RPCError(.unavailable, "\(name) is down")) }
        return process.answer(GetRequest(key: key, withMetadata: true), now: now)
    }
}
