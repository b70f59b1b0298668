import KVCore
import KVWire

/// What a node knows of one shard: the state that docs/consistency.md speaks of, and the rules that need nothing else.
///
/// Invariants: `promised`, `target`, `incarnation` and the numbers in `incarnations` never decrease in one life of the process.
/// `isActive` means that the store holds all that was acknowledged at `configuration` by this node.
struct Replica: Sendable {
    /// Of configurations in force the newest count; older ones than these were followed by them long ago.
    private static let activatedMax = 8

    let node: String
    let shard: Int
    /// Of this node for this shard.
    var incarnation: UInt64

    /// Where the node is active, or last was.
    var configuration = Configuration.none
    var isActive = false
    var wasEverActive = false
    /// What was in force after this epoch began in this life of the process: it remembers what it did there. It has to find out first,
    /// since an earlier life may have known newer maps than its own.
    var remembersAfter = UInt64.max
    /// It acknowledges nothing in a configuration below this one.
    var promised = Configuration.none
    /// Configurations above `configuration` that are known to be in force.
    var activated: Set<Configuration> = []
    /// The greatest that was heard of each node that started anew.
    var incarnations: [String: UInt64] = [:]
    /// It may have acknowledged, in an earlier life, what it has no memory of: it counts for nothing.
    var isRecovering = false
    /// The newest configuration that is known to be wanted.
    var target = Configuration.none
    /// The newest configuration that was heard to be in force.
    var inForce = Configuration.none
    /// The highest epoch of a view that a client has shown. Where all owners have lost their memory, nobody else knows of it, and
    /// clients accept none below it.
    var shownEpoch: UInt64 = 0
    /// The epoch at which the shard was mapped to no node; 0 = never.
    var droppedEpoch: UInt64 = 0

    /// There is a store.
    var isHosted = false
    /// When the store last was up to date with an active owner, by this node's clock.
    var freshAt: UInt64 = 0
    /// When it became active at `configuration`.
    var activatedAt: UInt64 = 0
    /// The members' incarnations when `configuration` began with nothing, here: who is in the same one since has forgotten nothing.
    var beganEmptyWith: [String: UInt64] = [:]
    /// Nodes that may hold acknowledged writes which this one lacks, since it waited for them no longer, and since when.
    var waived: [String: UInt64] = [:]

    /// Of nodes that are no owners any more: their records are here, or need not be, as of this epoch.
    var covered: [String: UInt64] = [:]
    /// Which other node covers this one's records, as of which epoch.
    var coveredBy: [String: UInt64] = [:]
    /// Where other nodes are active, as they said last.
    var activeAt: [String: Configuration] = [:]
    /// What a peer held at this moment of its clock is here.
    var synced: [String: UInt64] = [:]
    /// What this node held at these moments of its clock is at the peer: the last minute's, ascending.
    var syncedBy: [String: [UInt64]] = [:]
    /// Members that were silent for so long that they have to start anew when they return.
    var forgotten: Set<String> = []
    /// When a peer last said so.
    var heardSyncedAt: [String: UInt64] = [:]
    /// When somebody last wanted to become an owner.
    var joinerSeenAt: UInt64 = 0

    var transition: Transition?

    init(node: String, shard: Int, incarnation: UInt64) {
        self.node = node
        self.shard = shard
        self.incarnation = incarnation
    }

    /// It answers requests of the view of `configuration`.
    var isServing: Bool {
        isActive && !isRecovering && promised <= configuration && activated.isEmpty && configuration.contains(node)
    }

    /// It has stopped taking writes, and nobody serves a newer configuration as far as it knows: what it has is the newest.
    var isSealed: Bool { isActive && !isRecovering && promised > configuration && activated.isEmpty }

    var access: ShardAccess {
        if isServing { return .open }
        return isSealed ? .readOnly : .closed
    }

    /// Another configuration is on its way, as far as is known.
    var isChanging: Bool { transition != nil || target.members != configuration.members || !activated.isEmpty }

    /// An owner no more, whose records the new owners may still need.
    var isLeaving: Bool { isActive && !target.contains(node) }

    /// What an operator sees.
    var state: ShardState {
        if isServing { return .serving }
        if transition != nil { return isRecovering ? .recovering : .joining }
        return isHosted ? .leaving : .absent
    }

    /// How it should become active, where it is not.
    var wish: Wish? {
        guard target.contains(node) || owed.contains(node) else { return nil }
        if isRecovering { return .recover }
        let isInForce = isActive && promised <= configuration && activated.isEmpty
        let isAsWanted = configuration.members == target.members && configuration.epoch >= shownEpoch
        if isInForce && isAsWanted && transition == nil { return nil }
        return isActive && configuration == target && promised <= configuration ? nil : .join
    }

    enum Wish { case recover, join }

    // MARK: What others say

    mutating func raise(target other: Configuration) { target = max(target, other) }

    mutating func note(incarnation number: UInt64, of other: String) {
        guard number > incarnations[other] ?? 0 else { return }
        incarnations[other] = number
        // What it knew in its earlier life it knows no more.
        synced[other] = nil
        syncedBy[other] = nil
        forgotten.remove(other)
        activeAt[other] = nil
        coveredBy[other] = nil
        waived[other] = nil
    }

    /// A configuration is in force: nothing older may be acknowledged any more.
    mutating func note(activated other: Configuration) {
        guard other > configuration else { return }
        activated.insert(other)
        if activated.count > Self.activatedMax, let oldest = activated.min() { activated.remove(oldest) }
        promised = max(promised, other)
        raise(target: other)
    }

    /// - Parameter peer: whose status it is.
    mutating func learn(_ status: ReplicaStatus, from peer: String) {
        for (other, number) in status.incarnations { note(incarnation: number, of: other) }
        note(incarnation: status.incarnation, of: peer)
        droppedEpoch = max(droppedEpoch, status.droppedEpoch)
        if status.target != .none { raise(target: status.target) }
        let isConcerned = isHosted || target.contains(node)
        if isConcerned { for other in status.activated { note(activated: other) } }
        if status.isActive && status.promised <= status.configuration {
            activeAt[peer] = status.configuration
            if isConcerned { note(activated: status.configuration) }
            note(inForce: status.configuration)
        } else {
            activeAt[peer] = nil
        }
        coveredBy[peer] = max(coveredBy[peer] ?? 0, status.coversRecipient)
        // It has nothing that counts, or takes part in the repair of what is served here.
        if !status.isActive || activeAt[peer].map({ $0 >= configuration }) == true { waived[peer] = nil }
    }

    /// Others go by a configuration to which this node belongs, without knowing what it did there before it started: it has to
    /// return there, whatever the map wants now, or its share of a quorum is missing when that is to be followed by another one.
    /// Once another one is in force, or the shard was dropped, nothing is owed to it any more.
    var owed: Configuration {
        isRecovering && inForce.contains(node) && inForce.epoch > droppedEpoch ? inForce : .none
    }

    private mutating func note(inForce other: Configuration) {
        guard other > inForce else { return }
        inForce = other
        if other.contains(node) && !isActive && !remembers(other) { isRecovering = true }
    }

    /// It cannot have forgotten what it acknowledged or promised in `other`.
    func remembers(_ other: Configuration) -> Bool {
        !isRecovering && (other.epoch > remembersAfter || wasEverActive)
    }

    /// No others were in force when this life began, but ones that these followed.
    mutating func note(inForceBeforeStart others: [Configuration]) {
        remembersAfter = min(remembersAfter, others.last?.epoch ?? .max)
        if !others.contains(where: { $0.contains(node) }) { isRecovering = false }
    }

    /// Whether that would tell anything new.
    func learns(inForceBeforeStart others: [Configuration]) -> Bool {
        others.last?.epoch ?? .max < remembersAfter || isRecovering && !others.contains { $0.contains(node) }
    }

    /// - Returns: false if a higher configuration was promised.
    mutating func seal(for other: Configuration) -> Bool {
        if other < max(promised, configuration) { return false }
        if other > configuration { promised = max(promised, other) }
        return true
    }

    // MARK: What others hold

    /// Windows of deadlines that a comparison leaves out take part in one so much later; see `BucketLayout`.
    private static let completeAfterMilliseconds: ClosedRange<UInt64> = 60_000...70_000
    /// How long a write may have been on its way, and how far clocks may be apart.
    private static let underWayMilliseconds: UInt64 = 35_000

    mutating func note(syncedBy other: String, at time: UInt64) {
        guard time > syncedBy[other]?.last ?? 0 else { return }
        syncedBy[other, default: []].append(time)
        let oldest = time - min(time, Self.completeAfterMilliseconds.upperBound)
        syncedBy[other]?.removeAll { $0 < oldest }
    }

    /// Whatever this node was sent, if it was stamped before this moment, has been seen by a member.
    func hasAllBefore(_ other: String) -> UInt64 {
        guard let times = syncedBy[other], let last = times.last else { return 0 }
        let complete = times.last { Self.completeAfterMilliseconds.contains(last - $0) } ?? 0
        return complete - min(complete, Self.underWayMilliseconds)
    }

    /// When an owner was last up to date for certain: one that a quorum has not heard may have been followed by others meanwhile.
    func lastUpToDate(now: UInt64) -> UInt64 {
        let others = configuration.members.filter { $0 != node }.map { heardSyncedAt[$0] ?? activatedAt }.sorted(by: >)
        let needed = configuration.quorum - 1
        return needed == 0 ? now : others[needed - 1]
    }

    // MARK: What it tells

    /// - Parameter peer: to whom.
    func status(for peer: String, content: ContentSummary) -> ReplicaStatus {
        var status = ReplicaStatus(shard: shard, incarnation: incarnation)
        status.configuration = configuration
        status.isActive = isActive
        status.wasEverActive = wasEverActive
        status.remembersAfter = remembersAfter
        status.promised = promised
        status.activated = activated.sorted()
        status.incarnations = incarnations
        status.isRecovering = isRecovering
        status.hasData = content.keys + content.markers > 0
        status.target = target
        status.hasCopied = transition.map { $0.hasCopied && ($0.isUnburdened || isRecovering) } ?? false
        status.droppedEpoch = droppedEpoch
        status.coversRecipient = covered[peer] ?? 0
        status.keys = UInt64(content.keys)
        status.bytes = UInt64(content.bytes)
        status.beganEmptyWith = beganEmptyWith
        status.waived = Set(waived.keys)
        return status
    }

    /// The members of a configuration with their incarnations.
    func incarnations(in configuration: Configuration) -> [(name: String, incarnation: UInt64)] {
        configuration.members.map { ($0, incarnations[$0] ?? 0) }
    }

    // MARK: Becoming active

    /// All that was acknowledged before is here: the node is an active owner from now on.
    mutating func becomeActive(at configuration: Configuration, now: UInt64) {
        note(incarnation: incarnation, of: node)
        self.configuration = configuration
        isActive = true
        wasEverActive = true
        isRecovering = false
        promised = max(promised, configuration)
        activated = activated.filter { $0 > configuration }
        raise(target: configuration)
        activatedAt = now
        beganEmptyWith = [:]
        freshAt = now
        synced = [:]
        syncedBy = [:]
        heardSyncedAt = [:]
        forgotten = []
        transition = nil
    }

    /// The records are gone.
    mutating func forgetRecords() {
        isActive = false
        isHosted = false
        freshAt = 0
        waived = [:]
        covered = [:]
        synced = [:]
        syncedBy = [:]
        transition = nil
    }
}

/// What a store holds, as far as others are told.
package struct ContentSummary: Sendable, Hashable {
    package var keys = 0
    package var bytes = 0
    package var markers = 0

    package init(keys: Int = 0, bytes: Int = 0, markers: Int = 0) {
        self.keys = keys
        self.bytes = bytes
        self.markers = markers
    }
}

/// What requests may do with a shard.
package enum ShardAccess: UInt, Sendable {
    /// There is no store.
    case absent = 0
    /// The store is for other nodes only.
    case closed = 1
    case open = 2
    /// Reads of one replica.
    case readOnly = 3
}
