internal import KVWire
internal import Synchronization

/// A call whose task went on before the answer: keeps the outcome until somebody asks for it.
final class LateCall: Sendable {
    typealias Answer = Result<GetResponse, RPCError>

    private enum State {
        case due
        case followed(@Sendable (Answer) -> Void)
        case ended(NodeConnection.Outcome)
    }

    private let connection: NodeConnection
    private let number: UInt32
    private let state = Mutex(State.due)

    init(_ number: UInt32, of connection: NodeConnection) {
        self.connection = connection
        self.number = number
    }

    /// Call once.
    func end(_ outcome: NodeConnection.Outcome) {
        let completion = state.withLock { state in
            if case .followed(let completion) = state { return completion as (@Sendable (Answer) -> Void)? }
            state = .ended(outcome)
            return nil
        }
        if let completion { completion(outcome.result(of: GetRequest.self)) }
    }

    /// Call once, with whom to tell the end: at once if it has come.
    /// - Returns: what cancels the call.
    func follow(_ completion: @escaping @Sendable (Answer) -> Void) -> @Sendable () -> Void {
        let outcome = state.withLock { state in
            if case .ended(let outcome) = state { return outcome as NodeConnection.Outcome? }
            state = .followed(completion)
            return nil
        }
        if let outcome { completion(outcome.result(of: GetRequest.self)) }
        return cancel
    }

    private func cancel() { connection.cancel(number) }
}
