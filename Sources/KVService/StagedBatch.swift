import KVStorage
import KVWire

/// Where a request's key lives. Found without a lock, so the shard may have changed by the time the stripe is locked.
struct Target {
    let shard: Int
    let hash: UInt64
    /// The key's `RoutingHash`.
    let routingHash: UInt32
    /// `ShardWord.storeAddress` when the target was found.
    let store: UInt
    let stripe: Stripe
}

/// The requests of a batch after the first stage: for each, its kind and what goes with that kind, in arrays of raw memory that
/// decoding writes to directly. Everything is trivial to copy, and bytes are where the decoder left them.
///
/// Owned by one handler.
struct StagedBatch {
    enum Kind: UInt8 {
        /// A `GetView` and a `Target`.
        case get
        /// A `MutationView` and a `Target`.
        case mutation
        /// Not of the hot path: decoded when its turn comes.
        case cold
        /// A `Refusal`.
        case refused
    }

    let kinds: UnsafeMutablePointer<Kind>
    let gets: UnsafeMutablePointer<GetView>
    let mutations: UnsafeMutablePointer<MutationView>
    let targets: UnsafeMutablePointer<Target>
    let refusals: UnsafeMutablePointer<Refusal>

    init(capacity: Int) {
        kinds = .allocate(capacity: capacity)
        gets = .allocate(capacity: capacity)
        mutations = .allocate(capacity: capacity)
        targets = .allocate(capacity: capacity)
        refusals = .allocate(capacity: capacity)
    }

    func deallocate() {
        kinds.deallocate()
        gets.deallocate()
        mutations.deallocate()
        targets.deallocate()
        refusals.deallocate()
    }

    func hasTarget(at index: Int) -> Bool {
        switch kinds[index] {
        case .get, .mutation: true
        case .cold, .refused: false
        }
    }

    func refuse(at index: Int, _ refusal: Refusal) {
        refusals[index] = refusal
        kinds[index] = .refused
    }
}
