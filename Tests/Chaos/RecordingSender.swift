internal import KVClient
internal import KVHistory
internal import KVSharding
internal import KVTransport
internal import KVWire
internal import ShardKV
internal import Synchronization

/// The stamps that one write was sent with, in their order.
final class StampLog: Sendable {
    /// That of the write which the current task makes.
    @TaskLocal static var current: StampLog?

    private let key: [UInt8]
    /// Nil = it deletes.
    private let value: [UInt8]?
    private let log = Mutex<[Write.Stamp]>([])

    init(key: [UInt8], value: [UInt8]?) {
        self.key = key
        self.value = value
    }

    var stamps: [Write.Stamp] { log.withLock { $0 } }

    /// What the write's task sends may be another's: one that waits in the background goes on where what it waits for happens.
    func note(_ request: some RequestMessage) {
        if let set = request as? SetRequest, set.key == key, set.value == value {
            note(Write.Stamp(version: set.version, expiresAt: set.expiresAt))
        } else if let delete = request as? DeleteRequest, delete.key == key, value == nil {
            note(Write.Stamp(version: delete.version))
        }
    }

    /// The same stamp goes to every replica, and again with each retry.
    private func note(_ stamp: Write.Stamp) {
        log.withLock { if $0.last != stamp { $0.append(stamp) } }
    }
}

/// The client's connections, with a look at what a write is sent with.
struct RecordingSender: ClusterSender {
    let connections: NodeConnections

    func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32
    ) async throws(RPCError) -> Request.Response {
        note(request)
        return try await connections.send(request, to: node, timeoutMilliseconds: timeoutMilliseconds)
    }

    func start<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32,
        _ completion: @escaping @Sendable (Result<Request.Response, RPCError>) -> Void
    ) -> @Sendable () -> Void {
        note(request)
        return connections.start(request, to: node, timeoutMilliseconds: timeoutMilliseconds, completion)
    }

    func attempt(
        _ request: GetRequest,
        to node: String,
        timeoutMilliseconds: UInt32,
        patienceMilliseconds: UInt32
    ) async throws(RPCError) -> Attempt {
        note(request)
        return try await connections.attempt(
            request,
            to: node,
            timeoutMilliseconds: timeoutMilliseconds,
            patienceMilliseconds: patienceMilliseconds
        )
    }

    func follow(_ map: ShardMap) { connections.follow(map) }

    func learn(_ member: View.Member) { connections.learn(member) }

    func connect(to node: String, timeoutMilliseconds: UInt32) async throws(RPCError) {
        try await connections.connect(to: node, timeoutMilliseconds: timeoutMilliseconds)
    }

    private func note(_ request: some RequestMessage) { StampLog.current?.note(request) }
}
