import KVCore
import KVSharding
import KVStorage
import KVWire

/// Decides in which configurations a node serves its shards, and keeps the replicas of a shard alike: the protocol of
/// docs/consistency.md, whose rules the comments name.
///
/// No I/O and no clock: inputs in, actions out. Inputs that come late, twice or out of order are normal; a call's token is
/// forgotten when its outcome does not matter any more. An answer that breaks the protocol is the peer's fault and counts
/// as none.
package struct ReplicationCoordinator: Sendable {
    /// How a node behaves where the rules leave a choice.
    package struct Policy: Sendable {
        /// How long a shard waits for answers that make sure that nothing acknowledged is missing, in milliseconds; nil = until
        /// they come or an operator says otherwise.
        package var proceedAfterMilliseconds: UInt64? = 10_000
        /// What copies of shards may bring, all together; 0 = as much as they can.
        package var copyBytesPerSecond = 0
        /// How much a page of a copy may bring: the least where the source is near, the most where the rate needs it.
        package var copyPageBytes = (16 << 10)...(256 << 10)
        /// How many changes an owner whose shard moves keeps, a power of two.
        package var recordedChangesMax = ShardStore.recordedChangesMax
        /// Rules left out, to prove that the tests would notice.
        package var ablations: Set<Ablation> = []

        package init() {}
    }

    package enum Ablation: String, Sendable, CaseIterable {
        /// Owners that promised to stop go on taking writes.
        case seal
        /// An old owner frees its records as soon as the map says that it is none.
        case earlyDrop = "early-drop"
        /// The last write to arrive wins, whatever its version.
        case versions
        /// What a source lists as changed is taken for all that has changed.
        case confirm
    }

    enum Call {
        case exchange(node: String, shards: [Int])
        case activate(node: String, shards: [Int])
        case compare(node: String)
    }

    struct Peer {
        var exchange: UInt64?
        var activate: UInt64?
        var compare: UInt64?
        var refusals = 0
        var askAt: UInt64 = 0
        /// Something happened that it should hear of, or be asked, at once.
        var isUrgent = false
        var compareAt: UInt64 = 0
        /// When a copy from it failed last.
        var failedAt: UInt64 = 0
    }

    let node: String
    /// A number that is greater in each life of the process.
    let incarnation: UInt64
    let policy: Policy
    private(set) var epoch: UInt64 = 0
    private(set) var map: ShardMap?
    /// What others are told of the map in force.
    private(set) var mark = MapMark(epoch: 0)
    /// The newest maps, the one in force last.
    private(set) var history: [(epoch: UInt64, map: ShardMap)] = []
    private(set) var replicas: [Int: Replica] = [:]
    /// Shards with a transition, or that leave.
    private(set) var active: Set<Int> = []
    /// Shards that a client has shown to be behind: everybody is asked once.
    var curious: [Int: Set<String>] = [:]
    var peers: [String: Peer] = [:]
    var calls: [UInt64: Call] = [:]
    var pulls: [UInt64: PullRecord] = [:]
    /// Shards whose copies wait for one under way to end.
    var waitingCopies: [Int] = []
    var lastToken: UInt64 = 0
    private(set) var published: [Int: Publication] = [:]
    /// How often a shard began to serve without the answers that make sure that nothing is missing.
    var waivedCopies: UInt64 = 0
    var keepAlikeAt: UInt64 = 0
    var askWaivedAt: UInt64 = 0
    /// Somebody is to be asked or told at once.
    var isHurried = false
    /// The step's clock, and the node's own.
    var now: UInt64 = 0
    private var wall: UInt64 = 0
    var actions: [ReplicationAction] = []

    static let historyMax = 16

    /// - Parameter incarnation: above that of every earlier life.
    init(node: String, incarnation: UInt64, policy: Policy = Policy()) {
        self.node = node
        self.incarnation = incarnation
        self.policy = policy
    }

    /// - Parameters:
    ///   - now: what the cluster's clocks say, milliseconds since 1970.
    ///   - wall: the node's own clock.
    mutating func step(_ input: ReplicationInput, now: UInt64, wall: UInt64) -> [ReplicationAction] {
        self.now = now
        self.wall = wall
        switch input {
        case .mapChanged(let map, let epoch): mapChanged(map, epoch)
        case .tick: tick()
        case .exchange(let request): exchange(request)
        case .activate(let request): activate(request)
        case .compare(let request): compare(request)
        case .inquire(let shard, let epoch): inquire(shard, epoch)
        case .proceed(let shard): proceed(shard)
        case .replied(let token, let result): replied(token, result)
        case .pullProgressed(let pull, let records, let bytes): pullProgressed(pull, records: records, bytes: bytes)
        case .pullEnded(let pull, let result): pullEnded(pull, result)
        }
        if case .tick = input { isHurried = true }
        if isHurried { sendExchanges() }
        isHurried = false
        defer { actions = [] }
        return actions
    }

    /// Records are here that others still need: a node that shuts down should wait.
    var isHandoverPending: Bool { active.contains { replicas[$0]?.isLeaving == true } }

    private mutating func tick() {
        for shard in active.sorted() { evaluate(shard) }
        sendActivations()
        keepAlike()
    }

    private mutating func replied(_ token: UInt64, _ result: Result<PeerResponse, RPCError>) {
        switch calls.removeValue(forKey: token) {
        case .exchange(let name, let shards)?: exchanged(with: name, shards, result)
        case .activate(let name, let shards)?: activated(at: name, shards, result)
        case .compare(let name)?: compared(with: name, result)
        case nil: break
        }
    }

    // MARK: Maps

    private mutating func mapChanged(_ next: ShardMap, _ nextEpoch: UInt64) {
        if let map, nextEpoch <= epoch || next.numShards != map.numShards {
            actions.append(.report(.mapIgnored(epoch: nextEpoch, current: epoch)))
            return
        }
        let isBoot = map == nil
        map = next
        epoch = nextEpoch
        mark = MapMark(epoch: nextEpoch, fingerprint: next.fingerprint)
        history.append((nextEpoch, next))
        if history.count > Self.historyMax { history.removeFirst() }
        for name in peers.keys {
            peers[name]?.refusals = 0
            peers[name]?.askAt = 0
        }
        for shard in next.shards {
            let configuration = Configuration(epoch: nextEpoch, members: next.members(of: shard))
            change(shard) { [node] replica in
                replica.raise(target: configuration)
                if isBoot && configuration.contains(node) { replica.isRecovering = true }
                if configuration.members.isEmpty { replica.droppedEpoch = max(replica.droppedEpoch, nextEpoch) }
            }
        }
        for name in allPeers { hurry(name) }
    }

    /// A peer gives a higher number to the map that is in force here too: this node missed a change and its undoing, or
    /// numbered its file at another moment. It takes that number over, or it would never count as up to date again.
    mutating func adopt(_ peer: MapMark) {
        guard peer.epoch > epoch, peer.fingerprint == mark.fingerprint, peer.fingerprint != 0,
            let map, map.epoch == nil
        else { return }
        mapChanged(map, peer.epoch)
    }

    /// Every node of the maps that are remembered, but this one.
    var allPeers: Set<String> { Set(history.flatMap(\.map.nodes.keys)).subtracting([node]) }

    // MARK: Replicas

    func replica(_ shard: Int) -> Replica {
        replicas[shard] ?? Replica(node: node, shard: shard, incarnation: incarnation)
    }

    /// Changes what is known of a shard, and does what follows for this node and for its clients.
    mutating func change(_ shard: Int, _ body: (inout Replica) -> Void) {
        let old = replica(shard)
        var new = old
        body(&new)
        if old.isServing && !new.isServing { new.freshAt = max(old.freshAt, old.lastUpToDate(now: now)) }
        replicas[shard] = new
        // What was copied of a shard before it was dropped must not be merged with what comes after.
        let isDropped = new.droppedEpoch > old.droppedEpoch
        if isDropped && new.isHosted && !new.isActive { release(shard, nil) }
        settle(shard)
        publish(shard)
        if new.isLeaving && !old.isLeaving && replicas[shard]!.isHosted {
            actions.append(.report(.leaving(shard: shard, epoch: new.target.epoch, owners: new.target.members)))
        }
        if new.target != old.target || new.isRecovering != old.isRecovering || new.activated != old.activated
            || isDropped
        {
            evaluate(shard)
        }
    }

    /// For changes that no client can see.
    mutating func note(_ shard: Int, _ body: (inout Replica) -> Void) {
        var replica = replica(shard)
        body(&replica)
        replicas[shard] = replica
        if replica.transition != nil || replica.isLeaving { active.insert(shard) } else { active.remove(shard) }
    }

    /// What the state of a shard demands, whatever changed it: records of a shard that was dropped, or that others own and nobody
    /// needs from here, are freed.
    private mutating func settle(_ shard: Int) {
        guard let replica = replicas[shard] else { return }
        let isDropped = replica.droppedEpoch > 0 && replica.configuration.epoch < replica.droppedEpoch
        if replica.isHosted {
            let isUnwanted = !replica.target.contains(node) && replica.wish == nil
            let isDone = replica.isLeaving && hasHandedOver(replica) && !policy.ablations.contains(.seal)
            if isDropped && (replica.isActive || isUnwanted) {
                release(shard, .dropped(shard: shard, epoch: replica.droppedEpoch))
            } else if isUnwanted && !replica.isActive {
                release(shard, nil)
            } else if isDone || isUnwanted && policy.ablations.contains(.earlyDrop) {
                release(shard, .handedOver(shard: shard, epoch: replica.target.epoch))
            }
        }
        note(shard) { replica in
            if replica.wish == nil { replica.transition = nil }
        }
    }

    /// Rule 14: every owner of the newest configuration is active there, and has what is here, or need not have it.
    private func hasHandedOver(_ replica: Replica) -> Bool {
        !replica.target.members.isEmpty && !replica.isServing && awaited(replica).isEmpty
    }

    /// The owners to be that do not have yet what is here.
    func awaited(_ replica: Replica) -> [String] {
        // The map may have changed since without changing the owners: then they are active at an older epoch than its.
        let successor = replica.activeAt.values.filter { $0.members == replica.target.members }.max()
        return replica.target.members.filter { name in
            guard let successor, successor > replica.configuration else { return true }
            return replica.activeAt[name] != successor || (replica.coveredBy[name] ?? 0) < successor.epoch
        }
    }

    /// The node from which a shard is being copied.
    func source(of shard: Int) -> String? { pulls.values.first { $0.shard == shard }?.source }

    private mutating func release(_ shard: Int, _ event: ReplicationEvent?) {
        stopPulls(of: shard)
        actions.append(.drop(shard))
        if let event { actions.append(.report(event)) }
        note(shard) { $0.forgetRecords() }
        publish(shard)
    }

    mutating func host(_ shard: Int) {
        if replica(shard).isHosted { return }
        actions.append(.host(shard))
        note(shard) { $0.isHosted = true }
        publish(shard)
    }

    // MARK: What clients see

    mutating func publish(_ shard: Int) {
        guard let replica = replicas[shard] else { return }
        let view = servedView(replica)
        let publication = Publication(
            access: view != nil ? .open : replica.isHosted ? replica.access : .absent,
            view: view.map(identifier) ?? 0,
            redirect: view ?? bestView(replica),
            markersDroppableBefore: markersDroppableBefore(replica),
            recordsChanges: replica.isActive && replica.isChanging
        )
        let known = published.updateValue(publication, forKey: shard)
        if publication == known { return }
        actions.append(.publish(shard, publication))
    }

    /// The view by which this node serves a shard.
    func servedView(_ replica: Replica) -> View? {
        let isServing = policy.ablations.contains(.seal) ? replica.isActive : replica.isServing
        return isServing ? view(of: replica.configuration, replica) : nil
    }

    /// Where clients should go: the newest configuration that is in force as far as this node knows. Epoch 0: it knows only what the
    /// map wants.
    func bestView(_ replica: Replica) -> View {
        if let view = servedView(replica) { return view }
        var known = replica.activated.union(replica.activeAt.values)
        // Until something newer is in force it goes on to answer reads.
        if replica.isSealed { known.insert(replica.configuration) }
        if let newest = known.max() { return view(of: newest, replica) }
        var hint = view(of: replica.target, replica)
        hint.epoch = 0
        return hint
    }

    private func view(of configuration: Configuration, _ replica: Replica) -> View {
        let members = replica.incarnations(in: configuration).map { member in
            let address = history.reversed().lazy.compactMap { $0.map.nodes[member.name] }.first
            return View.Member(
                node: member.name,
                address: address?.host ?? "",
                port: UInt16(address?.port ?? 0),
                incarnation: member.incarnation
            )
        }
        return View(shard: replica.shard, epoch: configuration.epoch, members: members)
    }

    private func identifier(_ view: View) -> UInt64 {
        ViewIdentifier.hash(epoch: view.epoch, members: view.members.map { ($0.node, $0.incarnation) })
    }

    mutating func makeToken(_ call: Call) -> UInt64 {
        lastToken += 1
        calls[lastToken] = call
        return lastToken
    }

    /// Lets every peer hear of a shard's state at once.
    mutating func announce(_ shard: Int, to names: some Sequence<String>) {
        for name in names where name != node {
            curious[shard, default: []].insert(name)
            hurry(name)
        }
    }

    /// The next exchange with a node does not wait for its time.
    mutating func hurry(_ name: String) {
        peers[name, default: Peer()].isUrgent = true
        isHurried = true
    }

    var sender: Sender { Sender(node: node, clock: now, wallClock: wall, map: mark) }
}
