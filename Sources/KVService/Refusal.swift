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
    case wrongView(shard: Int)
    case future(milliseconds: UInt64)
    case tooOld(milliseconds: UInt64)
    case memoryFull

    /// How long a client does well to wait for a shard on the move, in milliseconds.
    private static let retryAfterMilliseconds: UInt16 = 10

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
                "shard \(shard) is moving: node \(node.name) takes no more writes for it",
                reason: .moving,
                retryAfterMilliseconds: Self.retryAfterMilliseconds,
                view: node.redirect(of: shard)
            )
        case .notReady(let shard):
            RPCError(
                .unavailable,
                "node \(node.name) does not serve shard \(shard) yet",
                reason: .notReady,
                retryAfterMilliseconds: Self.retryAfterMilliseconds,
                view: node.redirect(of: shard)
            )
        case .wrongView(let shard): wrongView(shard, node)
        case .tooOld(let milliseconds):
            RPCError(
                .failedPrecondition,
                "the write was sent \(now - min(now, milliseconds)) ms ago by its client's clock",
                reason: .tooOld,
                serverTimeMilliseconds: now
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

    /// The request's view is none that this node serves. Without one of its own, waiting is all that helps; the owners that it
    /// knows may be there already.
    private func wrongView(_ shard: Int, _ node: Node) -> RPCError {
        let view = node.redirect(of: shard)
        if node.table.view(of: shard) == 0 {
            return (node.table[shard].isReadOnly ? Refusal.moving(shard: shard) : .notReady(shard: shard))
                .error(method: .set, node: node, now: 0)
        }
        return RPCError(
            .aborted,
            "shard \(shard) is served by another view: epoch \(view?.epoch ?? 0)",
            reason: .wrongView,
            view: view
        )
    }

    private static func name(_ method: Method) -> String {
        Method.all.first { $0.method == method }?.name ?? "0x" + String(method.rawValue, radix: 16)
    }
}
