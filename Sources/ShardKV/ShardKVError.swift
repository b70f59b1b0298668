internal import KVClient
internal import KVWire

/// Why a call failed.
public struct ShardKVError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A canonical gRPC status code; `description` is its name in capitals, such as `UNAVAILABLE`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        let status: StatusCode

        /// The caller's task was cancelled, or the client is closed.
        public static let cancelled = Code(status: .cancelled)
        /// A write that may or may not have happened (`isIndeterminate`), or an error of an unknown kind.
        public static let unknown = Code(status: .unknown)
        /// An empty key, a negative TTL, a key or value beyond the server's limits, or an invalid shard map.
        public static let invalidArgument = Code(status: .invalidArgument)
        /// No answer within the timeout.
        public static let deadlineExceeded = Code(status: .deadlineExceeded)
        /// The node does not host the key's shard. A missing key is no error.
        public static let notFound = Code(status: .notFound)
        /// What was to be made is there already. No call of today fails with it.
        public static let alreadyExists = Code(status: .alreadyExists)
        /// The server does not allow this.
        public static let permissionDenied = Code(status: .permissionDenied)
        /// The server's memory limit is reached, too much is waiting to be sent, or an answer is too large.
        public static let resourceExhausted = Code(status: .resourceExhausted)
        /// The server is not in the state that the call needs.
        public static let failedPrecondition = Code(status: .failedPrecondition)
        /// The shard's owners changed under the call.
        public static let aborted = Code(status: .aborted)
        /// The clocks of this client and of the server are too far apart.
        public static let outOfRange = Code(status: .outOfRange)
        /// The server is of an older version and does not know the call.
        public static let unimplemented = Code(status: .unimplemented)
        /// A defect, here or in the server.
        public static let `internal` = Code(status: .internal)
        /// No replica could be reached, or none serves the shard just now. A later try may succeed.
        public static let unavailable = Code(status: .unavailable)
        /// Stored data is lost. No call of today fails with it.
        public static let dataLoss = Code(status: .dataLoss)
        /// The server does not know who is calling.
        public static let unauthenticated = Code(status: .unauthenticated)

        /// The code's name in capitals.
        public var description: String { status.name }
    }

    /// What one replica answered, or what became of the attempt to reach it.
    public struct ReplicaFailure: Hashable, Sendable, CustomStringConvertible {
        /// The node's name in the shard map.
        public let node: String
        /// The replica's own code.
        public let code: Code
        /// A text for people.
        public let message: String

        /// `NODE: CODE: message`
        public var description: String { "\(node): \(code): \(message)" }
    }

    /// What kind of failure this is.
    public let code: Code
    /// One line for people, in which the replicas' failures are told.
    public let message: String
    /// The node that failed last, where there is one to name.
    public let node: String?
    /// A write that may or may not have happened, or that happened on a part of the replicas. False for reads.
    public let isIndeterminate: Bool
    /// It was not tried again, because so many calls fail that more attempts would only add to the load: a tenth of the calls, and
    /// ten a second, may be repeated. The code is RESOURCE_EXHAUSTED, or UNKNOWN for a write that may have happened.
    public let isRetryBudgetExhausted: Bool
    /// Each failed replica, in the order in which they failed; empty if the call did not get that far.
    public let replicaFailures: [ReplicaFailure]

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
        node = nil
        isIndeterminate = false
        isRetryBudgetExhausted = false
        replicaFailures = []
    }

    init(_ failure: CallFailure) {
        code = Code(status: failure.code)
        message = failure.message
        node = failure.node
        isIndeterminate = failure.isIndeterminate
        isRetryBudgetExhausted = failure.isOutOfBudget
        replicaFailures = failure.replicas.map { replica in
            ReplicaFailure(
                node: replica.node,
                code: Code(status: replica.error.code),
                message: replica.error.message
            )
        }
    }

    /// `CODE: message`, on one line.
    public var description: String { "\(code): \(message)" }
}
