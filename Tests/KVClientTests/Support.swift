import KVClient
import KVCore
import KVSharding
import KVWire
import Synchronization

/// A clock that moves only when somebody sleeps or a node keeps a caller waiting.
final class TestTime: ClientTime {
    private let now = Mutex<UInt64>(1000)
    private let wallOffset: Int64
    private let sleepHook = Mutex<(@Sendable () -> Void)?>(nil)

    init(wallOffset: Int64 = 1_000_000) {
        self.wallOffset = wallOffset
    }

    var monotonicMicroseconds: UInt64 { now.withLock { $0 * 1000 } }
    var wallMilliseconds: UInt64 { UInt64(Int64(monotonicMilliseconds) + wallOffset) }

    /// Runs when the client waits, before the wait is over.
    func onSleep(_ hook: @escaping @Sendable () -> Void) { sleepHook.withLock { $0 = hook } }

    func advance(to time: UInt64) { now.withLock { $0 = max($0, time) } }

    func sleep(milliseconds: UInt64) async throws(CancellationError) {
        if Task.isCancelled { throw CancellationError() }
        let end = monotonicMilliseconds + milliseconds
        await Task.yield()
        if let hook = sleepHook.withLock({ $0 }) { hook() }
        advance(to: end)
    }
}

/// Nodes that live in this process: each stores records by version, or does what a test tells it to.
final class TestNetwork: ClusterSender {
    enum Behaviour: Sendable {
        case serve
        /// The request arrives, but no answer comes.
        case hang
        /// The same, and no time passes meanwhile.
        case hangForEver
        /// Executes the request, then the connection is lost.
        case serveAndCut
        case fail(RPCError)
    }

    struct Arrival: Sendable, Hashable {
        let node: String
        let method: Method
        let version: Version
        let view: UInt64
        let opClock: UInt64
        let time: UInt64
        let timeoutMilliseconds: UInt32
    }

    struct Record: Sendable, Hashable {
        var version: Version
        var value: [UInt8]?
        var expiresAt: UInt64
    }

    private struct State {
        var behaviours: [String: [Behaviour]] = [:]
        var records: [String: [[UInt8]: Record]] = [:]
        var arrivals: [Arrival] = []
        var learned: [View.Member] = []
        /// What a node takes for the shard's view; a node without one accepts any.
        var views: [String: View] = [:]
        var map: ShardMap?
        var mapEpoch: UInt64 = 0
    }

    private let state = Mutex(State())
    let time: TestTime
    /// Called for every connect; nil = the node says no HELLO.
    let hello: @Sendable (_ node: String) -> Bool

    init(time: TestTime, hello: @escaping @Sendable (_ node: String) -> Bool = { _ in true }) {
        self.time = time
        self.hello = hello
    }

    var arrivals: [Arrival] { state.withLock { $0.arrivals } }
    var learned: [View.Member] { state.withLock { $0.learned } }
    func arrivals(at node: String) -> [Arrival] { arrivals.filter { $0.node == node } }

    func record(_ key: String, at node: String) -> Record? {
        state.withLock { $0.records[node]?[Array(key.utf8)] }
    }

    func store(_ record: Record, _ key: String, at node: String) {
        state.withLock { $0.records[node, default: [:]][Array(key.utf8)] = record }
    }

    /// What `node` does with its next requests; the last behaviour goes on.
    func script(_ node: String, _ behaviours: Behaviour...) {
        state.withLock { $0.behaviours[node] = behaviours }
    }

    /// From now on the nodes serve shard 1 by `view` alone.
    func serve(_ view: View, at nodes: String...) {
        state.withLock { state in for node in nodes { state.views[node] = view } }
    }

    func view(at node: String) -> View? { state.withLock { $0.views[node] } }

    /// What nodes answer to GetShardMap.
    func tell(_ map: ShardMap, epoch: UInt64 = 1) {
        state.withLock { state in
            state.map = map
            state.mapEpoch = epoch
        }
    }

    func follow(_ map: ShardMap) {}

    func learn(_ member: View.Member) { state.withLock { $0.learned.append(member) } }

    func connect(to node: String, timeoutMilliseconds: UInt32) async throws(RPCError) {
        if !hello(node) { throw RPCError(.unavailable, "refused") }
    }

    func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32
    ) async throws(RPCError) -> Request.Response {
        let now = time.monotonicMilliseconds
        let mutation = request as? any MutationRequest
        let view = mutation?.view ?? (request as? GetRequest)?.view ?? ViewIdentifier.none
        let behaviour = state.withLock { state -> Behaviour in
            state.arrivals.append(
                Arrival(
                    node: node,
                    method: Request.method,
                    version: (request as? SetRequest)?.version ?? (request as? DeleteRequest)?.version ?? .none,
                    view: view,
                    opClock: mutation?.opClockMilliseconds ?? 0,
                    time: now,
                    timeoutMilliseconds: timeoutMilliseconds
                )
            )
            guard let next = state.behaviours[node]?.first else { return .serve }
            if state.behaviours[node]!.count > 1 { state.behaviours[node]!.removeFirst() }
            return next
        }
        await Task.yield()
        switch behaviour {
        case .serve:
            if let error = refusal(of: view, at: node) { throw error }
            return serve(request, at: node) as! Request.Response
        case .serveAndCut:
            _ = serve(request, at: node)
            throw RPCError(.unavailable, "the connection was lost", reason: .indeterminate)
        case .fail(let error): throw error
        case .hangForEver:
            while !Task.isCancelled { await Task.yield() }
            throw RPCError(.cancelled, "cancelled", reason: .indeterminate)
        case .hang:
            time.advance(to: now + UInt64(timeoutMilliseconds))
            throw RPCError(.deadlineExceeded, "no answer", reason: .indeterminate)
        }
    }

    private func serve(_ request: some RequestMessage, at node: String) -> any Message {
        switch request {
        case let request as GetRequest:
            let record = state.withLock { $0.records[node]?[request.key] }
            let marker = record?.expiresAt == 0 ? RecordKind.deleted : .expired
            return GetResponse(
                value: record?.value ?? [],
                wasFound: record?.value != nil,
                version: record?.version ?? .none,
                expiresAt: record?.expiresAt ?? 0,
                kind: record == nil || record?.value != nil ? .live : marker
            )
        case let request as SetRequest:
            return merge(
                Record(version: request.version, value: request.value, expiresAt: request.expiresAt),
                request.key,
                node
            )
        case let request as DeleteRequest:
            return merge(Record(version: request.version, value: nil, expiresAt: 0), request.key, node)
        case is GetShardMapRequest:
            return state.withLock { GetShardMapResponse(json: Array($0.map!.json().utf8), epoch: $0.mapEpoch) }
        case let request as View: return exchange(request, at: node)
        default: preconditionFailure("the client sends no \(request)")
        }
    }

    /// What a server says to a view that is not its own.
    private func refusal(of view: UInt64, at node: String) -> RPCError? {
        guard view != ViewIdentifier.none, let mine = self.view(at: node) else { return nil }
        if mine.identifier == view { return nil }
        return RPCError(.aborted, "another view", reason: .wrongView, view: mine)
    }

    /// Takes over what is newer, as a server does once its peers have agreed.
    private func exchange(_ told: View, at node: String) -> View {
        state.withLock { state in
            guard var mine = state.views[node] else { return told }
            if told.epoch > mine.epoch { mine = told }
            if told.epoch == mine.epoch {
                for index in mine.members.indices {
                    let other = told.members.first { $0.node == mine.members[index].node }?.incarnation ?? 0
                    mine.members[index].incarnation = max(mine.members[index].incarnation, other)
                }
            }
            state.views[node] = mine
            return mine
        }
    }

    private func merge(_ record: Record, _ key: [UInt8], _ node: String) -> MutationResponse {
        state.withLock { state in
            if let present = state.records[node]?[key], present.version > record.version {
                return MutationResponse(superseded: present.version)
            }
            state.records[node, default: [:]][key] = record
            return MutationResponse()
        }
    }
}

typealias TestClient = ClusterClient<TestNetwork, TestTime>

/// One shard on the given nodes, and a client for it.
struct TestCluster {
    let time: TestTime
    let network: TestNetwork
    let client: TestClient

    init(
        _ members: [String],
        balancer: any Balancer = InOrder(),
        wallOffset: Int64 = 1_000_000,
        hello: @escaping @Sendable (_ node: String) -> Bool = { _ in true }
    ) throws {
        time = TestTime(wallOffset: wallOffset)
        network = TestNetwork(time: time, hello: hello)
        client = TestClient(
            map: try Self.map(members),
            sender: network,
            time: time,
            clock: VersionClock(
                writer: 42,
                wallMilliseconds: time.wallMilliseconds,
                now: time.monotonicMilliseconds
            ),
            balancer: balancer,
            attemptMilliseconds: 250,
            jitter: .none
        )
    }

    static func map(_ members: [String]) throws -> ShardMap {
        let nodes = Set(["n1", "n2", "n3", "n4"] + members).sorted()
        let addresses = nodes.enumerated().map { ($1, NodeAddress(host: "127.0.0.1", port: 9000 + $0)) }
        return try ShardMap(numShards: 1, nodes: Dictionary(uniqueKeysWithValues: addresses), members: [1: members])
    }

    func get(_ key: String = "k", _ level: ConsistencyLevel = .one) async throws(CallFailure) -> String? {
        let request = GetRequest(key: Array(key.utf8))
        let response =
            level == .one
            ? try await client.get(request, timeoutMilliseconds: 1000)
            : try await client.quorumGet(request, timeoutMilliseconds: 1000)
        return response.wasFound ? String(decoding: response.value, as: UTF8.self) : nil
    }

    func set(
        _ value: String,
        key: String = "k",
        ttlMilliseconds: Int64 = 0,
        _ level: ConsistencyLevel = .all
    ) async throws(CallFailure) {
        try await client.set(
            Array(key.utf8),
            Array(value.utf8),
            ttlMilliseconds: ttlMilliseconds,
            on: .replicas(level),
            timeoutMilliseconds: 1000
        )
    }

    /// Puts the value where a test wants it, without the client.
    func store(_ value: String, at nodes: String...) {
        let version = Version(milliseconds: 1, writer: 1)
        for node in nodes {
            network.store(TestNetwork.Record(version: version, value: Array(value.utf8), expiresAt: 0), "k", at: node)
        }
    }
}

/// Reads go to the first member.
struct InOrder: Balancer {
    func first(of nodes: [NodeState], route: Route, now: UInt64) -> Int { 0 }
}

extension View {
    /// Of shard 1.
    init(epoch: UInt64, _ incarnations: KeyValuePairs<String, UInt64>) {
        self.init(
            shard: 1,
            epoch: epoch,
            members: incarnations.map { Member(node: $0, address: "127.0.0.1", port: 9, incarnation: $1) }
        )
    }

    var identifier: UInt64 {
        ViewIdentifier.hash(epoch: epoch, members: members.map { (name: $0.node, incarnation: $0.incarnation) })
    }
}

let refused = RPCError(.unavailable, "connection refused")
let notReady = RPCError(.unavailable, "copying", reason: .notReady, retryAfterMilliseconds: 20)
let moving = RPCError(.unavailable, "moving", reason: .moving, retryAfterMilliseconds: 50)
