import KVStorage
import KVWire

/// Where a request's key lives. Found without a lock, so the shard may have changed by the time the stripe is locked.
struct Target {
    let shard: Int
    let hash: UInt64
    /// `ShardWord.storeAddress` when the target was found.
    let store: UInt
    let stripe: Stripe
}

/// A request of a batch after its first stage. Everything in it is trivial to copy and points into the decoder's arena.
enum StagedRequest {
    case get(GetView, Target)
    case mutation(MutationView, Target)
    /// Not of the hot path: decoded when its turn comes.
    case cold
    case refused(Refusal)

    var target: Target? {
        switch self {
        case .get(_, let target), .mutation(_, let target): target
        case .cold, .refused: nil
        }
    }
}
