import KVCore
import KVStorage
import KVWire

/// Why a request is not carried out: all are the sender's to mend or to take elsewhere. Small, since it is decided where
/// batches are decoded; its words are made when it is answered.
enum Refusal {
    case malformed
    case unknownMethod
    case emptyKey
    case longKey(bytes: Int)
    case longValue(bytes: Int)
    case negativeTimeToLive(milliseconds: Int64)
    /// The shard's number, which need not be one of the map's.
    case notHosted(shard: Int)
    case moving(shard: Int)
    case notReady(shard: Int)
    case future(milliseconds: UInt64)
    case memoryFull

    /// How long a client does well to wait for a shard on the move, in milliseconds.
    private static let retryAfterMilliseconds: UInt16 = 50

    func error(method: Method, node: Node, now: UInt64) -> RPCError {
        switch self {
        case .malformed: RPCError(.invalidArgument, "the payload is not a request of \(Self.name(method))")
        case .unknownMethod: RPCError(.unimplemented, "this server knows no method \(Self.name(method))")
        case .emptyKey: RPCError(.invalidArgument, "the key is empty")
        case .longKey(let bytes):
            RPCError(.invalidArgument, "a key of \(bytes) bytes; this server takes \(node.limits.maxKeyBytes)")
        case .longValue(let bytes):
            RPCError(.invalidArgument, "a value of \(bytes) bytes; this server takes \(node.limits.maxValueBytes)")
        case .negativeTimeToLive(let milliseconds):
            RPCError(.invalidArgument, "a negative time to live: \(milliseconds) ms")
        case .notHosted(let shard):
            RPCError(
                .notFound,
                "node \(node.name) does not host shard \(shard)",
                reason: .notHosted,
                view: node.redirect(of: shard)
            )
        case .moving(let shard):
            RPCError(
                .unavailable,
                "shard \(shard) is leaving node \(node.name), which takes no more writes for it",
                reason: .moving,
                retryAfterMilliseconds: Self.retryAfterMilliseconds,
                view: node.redirect(of: shard)
            )
        case .notReady(let shard):
            RPCError(
                .unavailable,
                "node \(node.name) is still copying shard \(shard)",
                reason: .notReady,
                retryAfterMilliseconds: Self.retryAfterMilliseconds,
                view: node.redirect(of: shard)
            )
        case .future(let milliseconds):
            RPCError(
                .outOfRange,
                "the version is \(milliseconds) ms, ahead of this server's clock, which is \(now) ms",
                reason: .future,
                serverTimeMilliseconds: now
            )
        case .memoryFull:
            RPCError(
                .resourceExhausted,
                "the memory limit of \(node.pool.limitBytes) bytes is reached",
                reason: .memoryFull
            )
        }
    }

    private static func name(_ method: Method) -> String {
        Method.all.first { $0.method == method }?.name ?? "0x" + String(method.rawValue, radix: 16)
    }
}
