/// The canonical gRPC status codes.
package enum StatusCode: UInt8, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16

    /// The name in capitals, as users see it: `INVALID_ARGUMENT`.
    package var name: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internal: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        }
    }
}

/// Why, where the status code alone does not tell a client what to do. Each goes with one code.
package enum Reason: UInt8, Sendable, CaseIterable {
    case none = 0
    /// ABORTED: the request was routed by another view of the shard; retry by the view in the error.
    case wrongView = 1
    /// UNAVAILABLE: this owner is still copying the shard; ask another, or again after retry-after.
    case notReady = 2
    /// FAILED_PRECONDITION: the write was stamped too long ago; stamp it anew.
    case tooOld = 3
    /// OUT_OF_RANGE: the write's version is ahead of the server's clock, which the error tells.
    case future = 4
    /// UNKNOWN: a write that may or may not have happened. Made by clients; no server sends it.
    case indeterminate = 5
    /// NOT_FOUND: this node does not host the shard.
    case notHosted = 6
    /// UNAVAILABLE: the shard is leaving this node, which takes no more writes; its owners are in the new map.
    case moving = 7
    /// RESOURCE_EXHAUSTED: the memory limit is reached.
    case memoryFull = 8
    /// UNAVAILABLE: the server is shutting down.
    case draining = 9
    /// RESOURCE_EXHAUSTED: a frame, or what would be its answer, is larger than the server's limit.
    case tooLarge = 10
    /// RESOURCE_EXHAUSTED: the server sheds load; again after retry-after.
    case overloaded = 11
    /// FAILED_PRECONDITION: the page token is of an earlier life of the server; begin again.
    case stalePage = 12
    /// UNAVAILABLE: no process listens at the node's address. Made by clients; no server sends it.
    case refused = 13
}
