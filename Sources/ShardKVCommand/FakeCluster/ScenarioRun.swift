import Glibc
import KVCore
import KVSharding
import KVWire
import NIOCore
import NIOPosix
import ShardKV
import Synchronization

/// Plays a scenario to a client and judges what it did.
struct ScenarioRun {
    /// How long a client may take for one command.
    private static let replyLimitMilliseconds: Int32 = 60_000
    /// Of the map, where the scenario does not say.
    private static let defaultEpoch: UInt64 = 1

    struct Verdict {
        /// Of the scenario's file; 0 = of none.
        let lineNumber: Int
        let text: String
        /// Nil = as expected.
        let fault: String?
    }

    private let scenario: Scenario
    private let cluster: FakeCluster
    private let servers: [FakeNodeServer]
    private let mapPath: String
    private var map: ShardMap
    private let time = SystemTime()

    /// Starts the nodes and writes the shard map into `directory`.
    init(_ scenario: Scenario, directory: String) throws {
        self.scenario = scenario
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: FakeCluster.self)
        var ports: [String: Int] = [:]
        var servers: [FakeNodeServer] = []
        for node in scenario.nodes {
            let server = try FakeNodeServer.start(node, cluster: promise.futureResult)
            ports[node] = server.port
            if scenario.down.contains(node) { try server.stop() } else { servers.append(server) }
        }
        let listed = ports.filter { !scenario.unlisted.contains($0.key) }
        map = try Self.map(epoch: scenario.epoch ?? Self.defaultEpoch, listed, scenario.shards)
        cluster = FakeCluster(map, clockOffsetMilliseconds: scenario.clockOffsetMilliseconds, ports: ports)
        promise.succeed(cluster)
        self.servers = servers
        mapPath = directory + "/map.json"
        try writeMap()
    }

    mutating func play(to command: [String]) throws -> [Verdict] {
        defer {
            for server in servers { try? server.stop() }
            unlink(mapPath)
        }
        let client = try ClientProcess(command, environment: ["SHARDKV_SHARDMAP": mapPath])
        defer { client.stop() }
        var verdicts: [Verdict] = []
        for entry in scenario.entries {
            switch entry {
            case .rule(let rule): cluster.state.withLock { $0.rules.append((rule: rule, uses: [:])) }
            case .forget: cluster.state.withLock { $0.rules = [] }
            case .put(let nodes, let key, let value):
                // A minute old: whatever a client writes is newer.
                let version = Version(milliseconds: clock - 60_000, writer: 1)
                cluster.state.withLock { state in
                    for node in nodes {
                        let record = FakeStore.Record(version: version, value: value, expiresAt: 0)
                        state.stores[node, default: FakeStore()].put(key, record)
                    }
                }
            case .remap(let shard, let members):
                try remap(shard, members)
            case .serve(let view): cluster.serve(view)
            case .pause(let milliseconds): usleep(milliseconds * 1000)
            case .command(let command):
                verdicts += judge(command, reply(of: client, to: command))
            }
        }
        return verdicts
            + cluster.state.withLock { state in
                state.violations.map { Verdict(lineNumber: 0, text: "the protocol", fault: $0) }
            }
    }

    private func reply(of client: ClientProcess, to command: Scenario.ClientCommand) -> [UInt8]? {
        cluster.state.withLock { state in
            state.command += 1
            state.first = nil
        }
        client.send(line: command.line)
        return client.reply(withinMilliseconds: Self.replyLimitMilliseconds)
    }

    private func judge(_ command: Scenario.ClientCommand, _ reply: [UInt8]?) -> [Verdict] {
        let judge = cluster.state.withLock { state in
            Judge(
                reply: reply,
                requests: state.requests.filter { $0.command == state.command },
                stores: state.stores,
                clock: clock
            )
        }
        return command.expectations.map { expectation in
            Verdict(
                lineNumber: expectation.lineNumber,
                text: expectation.text,
                fault: judge.fault(expectation.check)
            )
        }
    }

    /// The nodes' clock now.
    private var clock: UInt64 { cluster.clock(time.wallMilliseconds) }

    private mutating func remap(_ shard: Int, _ members: [String]) throws {
        let epoch = (map.epoch ?? 0) + 1
        let shards = map.shards.map { $0 == shard ? members : map.members(of: $0) }
        map = try Self.map(epoch: epoch, map.nodes.mapValues(\.port), shards)
        try writeMap()
        cluster.serve(shard, of: map)
    }

    private static func map(epoch: UInt64, _ ports: [String: Int], _ shards: [[String]]) throws -> ShardMap {
        try ShardMap(
            epoch: epoch,
            numShards: shards.count,
            nodes: ports.mapValues { NodeAddress(host: "127.0.0.1", port: $0) },
            members: Dictionary(uniqueKeysWithValues: shards.enumerated().map { ($0.offset + 1, $0.element) })
        )
    }

    /// In one step, so that no client reads half a map.
    private func writeMap() throws {
        let next = mapPath + ".next"
        guard let file = fopen(next, "w"), fputs(map.json(), file) >= 0, fclose(file) == 0, rename(next, mapPath) == 0
        else { throw CommandFailure("cannot write \(mapPath): \(String(cString: strerror(errno)))") }
    }
}
