import KVSharding
import KVWire

/// Decides which shards a node serves, copies and gives up, so that no acknowledged write is lost when shards move. A first
/// stage of the protocol in docs/consistency.md: it rests on clients that write to all owners.
///
/// A gained shard joins: the node asks every other node what it holds (Prepare), which stops old owners from taking writes,
/// copies what it must, and serves. A lost shard leaves: it answers reads, refuses writes, and is dropped once every new
/// owner has confirmed (Offer).
///
/// Inputs that come late, twice or out of order are normal; a call's token is forgotten when its outcome does not matter
/// any more. An answer that breaks the protocol is the peer's fault and counts as none.
///
/// Not covered, until requests carry a view that owners check: a client with an old map writes to its owners alone where
/// none of them leaves the shard (a replica is only added), or where all servers skipped the map that the client uses. Such a
/// write is at its owners and not at the new one.
package struct HandoverCoordinator: Sendable {
    enum Call {
        case prepare(node: String, epoch: UInt64, shards: [Int])
        case offer(node: String, epoch: UInt64, shards: [Int])
        /// The fetch of a page, then its merge.
        case page(shard: Int, copy: UInt64)
    }

    /// A promise to accept no writes for a shard as an owner of an epoch below this one.
    struct Promise {
        var epoch: UInt64
        var owners: [String]
    }

    struct Peer {
        var prepare: UInt64?
        var refusals = 0
        var askAt: UInt64 = 0
        /// The epochs of the Offers under way, with their tokens.
        var offers: [UInt64: UInt64] = [:]
    }

    let node: String
    private(set) package var epoch: UInt64 = 0
    private(set) var map: ShardMap?
    /// What others are told of the map in force.
    private(set) var mark = MapMark(epoch: 0)
    /// The newest maps, the one in force last.
    var history: [(epoch: UInt64, map: ShardMap)] = []
    var shards: [Int: ShardHandover] = [:]
    /// The shards with something to do.
    var active: Set<Int> = []
    var promises: [Int: Promise] = [:]
    /// The epoch at which a shard had no owner.
    var droppedAt: [Int: UInt64] = [:]
    var peers: [String: Peer] = [:]
    var calls: [UInt64: Call] = [:]
    var lastToken: UInt64 = 0
    /// Shards that wait for one of the `copiesMax` copies to end.
    var waiting: [Int] = []
    var copies = 0
    var offerAt: UInt64 = 0
    /// Shards that began to serve without an answer that they needed.
    package var waivedCopies: UInt64 = 0
    var actions: [HandoverAction] = []

    static let historyMax = 16
    static let copiesMax = 4

    package init(node: String) {
        self.node = node
    }

    /// - Parameter now: milliseconds since 1970.
    package mutating func step(_ input: HandoverInput, now: UInt64) -> [HandoverAction] {
        switch input {
        case .mapChanged(let map, let epoch): mapChanged(map, epoch, now: now)
        case .tick: tick(now: now)
        case .prepare(let request): prepare(request, now: now)
        case .offer(let request): offer(request, now: now)
        case .prepareReply(let token, let result): prepareReply(token, result, now: now)
        case .offerReply(let token, let result): offerReply(token, result, now: now)
        case .pageReply(let token, let result): pageReply(token, result, now: now)
        case .pageMerged(let token, let result): pageMerged(token, result, now: now)
        }
        defer { actions = [] }
        return actions
    }

    /// Shards leave, or others may still need what is here: a node that shuts down should wait.
    package var isHandoverPending: Bool { active.contains { shards[$0]?.leave != nil } }

    /// The epoch at which a shard's copy is complete, as others are told it.
    func completeEpoch(of shard: ShardHandover) -> UInt64 {
        if shard.state == .serving { return shard.isWaived ? 0 : epoch }
        return shard.completeEpoch
    }

    private mutating func tick(now: UInt64) {
        for shard in active.sorted() { evaluate(shard, now: now) }
        ask(now: now)
        sendOffers(now: now)
    }

    /// Puts a map in force.
    mutating func follow(_ map: ShardMap, _ epoch: UInt64) {
        self.map = map
        self.epoch = epoch
        mark = MapMark(epoch: epoch, fingerprint: map.fingerprint)
        history.append((epoch, map))
        if history.count > Self.historyMax { history.removeFirst() }
    }

    mutating func makeToken(_ call: Call) -> UInt64 {
        lastToken += 1
        calls[lastToken] = call
        return lastToken
    }

    /// Changes what is known of a hosted shard.
    mutating func update(_ shard: Int, _ body: (inout ShardHandover) -> Void) {
        guard shards[shard] != nil else { return }
        body(&shards[shard]!)
        if shards[shard]!.isActive { active.insert(shard) } else { active.remove(shard) }
    }
}
