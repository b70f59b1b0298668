package import KVWire
package import NIOCore
internal import Synchronization

/// The connections of one process to all nodes: made when first used, shared by all callers, replaced when lost.
///
/// A node that cannot be reached is not tried by every call: until its back-off is over, calls fail at once with what the
/// last attempt met.
package final class NodeConnections: RequestSender {
    private struct Node {
        let endpoint: NodeEndpoint
        var connections: [NodeConnection?]
        var next = 0
        var backoff = ConnectBackoff()
        var lastError: RPCError?
    }

    private struct State {
        var endpoints: [String: NodeEndpoint]
        /// Of nodes that are not among `endpoints`.
        var learned: [String: NodeEndpoint] = [:]
        var nodes: [String: Node] = [:]
        /// All that have not ended, those that take no more calls included.
        var alive: [ObjectIdentifier: NodeConnection] = [:]
        var isClosed = false
    }

    private static let maxLearned = 1024

    private let eventLoopGroup: any EventLoopGroup
    private let options: ConnectionOptions
    private let state: Mutex<State>

    package init(
        endpoints: [String: NodeEndpoint],
        eventLoopGroup: any EventLoopGroup,
        options: ConnectionOptions = ConnectionOptions()
    ) {
        self.eventLoopGroup = eventLoopGroup
        self.options = options
        state = Mutex(State(endpoints: endpoints))
    }

    deinit {
        for connection in state.withLock({ $0.alive }).values { connection.end(Self.closed) }
    }

    // The requests of the hot path; others cost about half a microsecond more.
    @specialized(where Request == GetRequest)
    @specialized(where Request == SetRequest)
    @specialized(where Request == DeleteRequest)
    package func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32
    ) async throws(RPCError) -> Request.Response {
        var now = NodeConnection.now
        let deadline = now + Int64(timeoutMilliseconds)
        var canRepeat = true
        while true {
            switch await (try connection(to: node)).call(request, now: now, deadline: deadline) {
            case .reply(let frame):
                if frame.isOK { return try frame.decode(Request.Response.self) }
                throw frame.error
            case .failed(let error): throw error
            case .tooEarly, .late: preconditionFailure("a call waits for HELLO and for its end")
            case .unsent(let error):
                guard canRepeat else { throw error }
                canRepeat = false
                now = NodeConnection.now
            }
        }
    }

    /// `send` without a task that waits: `completion` is called on the event loop as a rule.
    @specialized(where Request == GetRequest)
    @specialized(where Request == SetRequest)
    @specialized(where Request == DeleteRequest)
    package func start<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32,
        _ completion: @escaping @Sendable (Result<Request.Response, RPCError>) -> Void
    ) -> @Sendable () -> Void {
        let now = NodeConnection.now
        do throws(RPCError) {
            let connection = try connection(to: node)
            guard connection.isOpen else {
                return startInTask(request, to: node, timeoutMilliseconds: timeoutMilliseconds, completion)
            }
            let handler = NodeConnection.Completion.handler { completion($0.result(of: Request.self)) }
            let deadline = now + Int64(timeoutMilliseconds)
            let number = connection.send(request, now: now, deadline: deadline, handler)
            guard let number else { return {} }
            return { connection.cancel(number) }
        } catch {
            completion(.failure(error))
            return {}
        }
    }

    /// `send`, which ends early with `late` when no answer has come after the patience, or where the node has said no HELLO yet.
    package func attempt(
        _ request: GetRequest,
        to node: String,
        timeoutMilliseconds: UInt32,
        patienceMilliseconds: UInt32
    ) async throws(RPCError) -> Attempt {
        let now = NodeConnection.now
        let deadline = now + Int64(timeoutMilliseconds)
        let patience = Int64(patienceMilliseconds)
        switch await (try connection(to: node)).attempt(request, now: now, deadline: deadline, patience: patience) {
        case .reply(let frame):
            if frame.isOK { return .answered(try frame.decode(GetResponse.self)) }
            throw frame.error
        case .failed(let error): throw error
        case .tooEarly, .unsent:
            return .late { self.start(request, to: node, timeoutMilliseconds: timeoutMilliseconds, $0) }
        case .late(let call): return .late(call.follow)
        }
    }

    /// Returns once the node's HELLO is in.
    package func connect(to node: String, timeoutMilliseconds: UInt32) async throws(RPCError) {
        let deadline = NodeConnection.now + Int64(timeoutMilliseconds)
        switch await (try connection(to: node)).waitForHello(deadline: deadline) {
        case .reply, .tooEarly, .late: return
        case .failed(let error), .unsent(let error): throw error
        }
    }

    /// Replaces the addresses of all nodes. Connections to others take no more calls, and end when theirs are answered.
    package func update(endpoints: [String: NodeEndpoint]) {
        let gone = state.withLock { state in
            state.endpoints = endpoints
            state.learned.removeAll()
            var gone: [NodeConnection] = []
            for (name, node) in state.nodes where endpoints[name] != node.endpoint {
                gone += node.connections.compactMap(\.self)
                state.nodes[name] = nil
            }
            return gone
        }
        for connection in gone { connection.retire() }
    }

    /// Where to find a node that is not among the addresses of `update`.
    package func learn(_ node: String, at endpoint: NodeEndpoint) {
        let gone = state.withLock { state -> [NodeConnection] in
            guard state.endpoints[node] == nil, state.learned[node] != endpoint else { return [] }
            if state.learned.count >= Self.maxLearned { state.learned.removeAll() }
            state.learned[node] = endpoint
            return state.nodes.removeValue(forKey: node)?.connections.compactMap(\.self) ?? []
        }
        for connection in gone { connection.retire() }
    }

    /// Ends every call with CANCELLED, later ones too, and returns when all connections are closed.
    package func close() async {
        let connections = state.withLock { state in
            state.isClosed = true
            state.nodes.removeAll()
            return Array(state.alive.values)
        }
        for connection in connections { await connection.close(Self.closed) }
    }

    private static let closed = RPCError(.cancelled, "the client is closed")

    /// The connection that a call goes to: an open one, or one that is being made.
    private func connection(to name: String) throws(RPCError) -> NodeConnection {
        let (connection, isNew) = try state.withLock { state throws(RPCError) in
            guard let index = state.nodes.index(forKey: name) else {
                if state.isClosed { throw Self.closed }
                guard let endpoint = state.endpoints[name] ?? state.learned[name] else {
                    // The map may have changed since the caller looked: soon it will look again.
                    throw RPCError(.unavailable, "the shard map has no node \(name)", retryAfterMilliseconds: 10)
                }
                var node = Node(
                    endpoint: endpoint,
                    connections: [NodeConnection?](repeating: nil, count: max(1, options.connectionsPerNode))
                )
                defer { state.nodes[name] = node }
                return try pick(name, &node, &state.alive)
            }
            return try pick(name, &state.nodes.values[index], &state.alive)
        }
        if isNew { connection.start() }
        return connection
    }

    private func pick(
        _ name: String,
        _ node: inout Node,
        _ alive: inout [ObjectIdentifier: NodeConnection]
    ) throws(RPCError) -> (NodeConnection, isNew: Bool) {
        let index = node.next
        node.next = index + 1 == node.connections.count ? 0 : index + 1
        if let connection = node.connections[index] { return (connection, false) }
        if let error = node.lastError, NodeConnection.now < node.backoff.retryAt { throw error }
        let connection = NodeConnection(
            node: name,
            endpoint: node.endpoint,
            options: options,
            eventLoop: eventLoopGroup.next()
        ) { [weak self] connection, notice in
            self?.take(notice, of: connection)
        }
        node.connections[index] = connection
        alive[ObjectIdentifier(connection)] = connection
        return (connection, true)
    }

    private func take(_ notice: NodeConnection.Notice, of connection: NodeConnection) {
        let name = connection.node
        if case .reached(let hello) = notice { options.onHello(name, hello) }
        let now = NodeConnection.now
        state.withLock { state in
            if case .ended = notice { state.alive[ObjectIdentifier(connection)] = nil }
            guard let index = state.nodes[name]?.connections.firstIndex(where: { $0 === connection }) else { return }
            switch notice {
            case .reached:
                state.nodes[name]!.backoff.succeeded()
                state.nodes[name]!.lastError = nil
            case .unusable(let hadHello, let error):
                state.nodes[name]!.connections[index] = nil
                if hadHello { return }
                state.nodes[name]!.backoff.failed(now: now)
                state.nodes[name]!.lastError = error
            case .ended: break
            }
        }
    }
}
