import KVCore
import KVWire

/// How a node becomes an active owner of a shard: what the others answered, and what follows from that.
///
/// The decision is a function of the answers, taken anew with each of them (rules 11 to 17 of docs/consistency.md). It is the same
/// for every owner-to-be, and needs no agreement about who does it: sealing and activating twice does no harm.
struct Transition: Sendable {
    struct Answer: Sendable {
        var status: ReplicaStatus
        var heardAt: UInt64
    }

    enum Decision: Equatable {
        /// Others have something to do first.
        case wait
        /// These nodes' answers are missing.
        case blocked([String])
        /// Copy from one of these, active owners of a configuration, which go on serving.
        case copy(from: [String], configuration: Configuration)
        /// Ask everybody to acknowledge nothing below the target.
        case seal
        /// Merge what these hold, then tell a quorum of each configuration that `configuration` is in force.
        case merge(Merge)
        /// Nobody holds anything.
        case beginEmpty(Configuration)
    }

    struct Merge: Equatable, Sendable {
        var configuration: Configuration
        var sources: [String]
        /// Whom to tell, with the incarnations that answered; empty = it is in force already.
        var recorders: [String: UInt64] = [:]
        var needed: [Configuration] = []
    }

    /// The times that bound what is waited for, in milliseconds.
    enum Patience {
        /// How old an answer may be that makes sure that sealing will not be in vain.
        static let fresh: UInt64 = 1000
        /// How long every recorder is waited for where a quorum would do.
        static let recording: UInt64 = 300
        /// Refused connections in a row that mean that no process is there, and so nothing in its memory.
        static let refusals = 3
        /// How long records that are no longer kept up to date may be merged with those of an active owner: markers of all that
        /// was deleted since are still there.
        static let freshness: UInt64 = 30_000
    }

    let target: Configuration
    let startedAt: UInt64
    /// Everybody to ask.
    let others: Set<String>
    /// The owners by earlier maps: even if no process is there any more, what they had is missing.
    let earlierOwners: Set<String>
    var answers: [String: Answer] = [:]
    /// Nothing that it may have acknowledged at the target in an earlier life is missing.
    var isUnburdened = false
    var hasCopied = false
    var isSealing = false
    /// It goes on with whoever answers.
    var isWaiving = false
    var blockedSince: UInt64?
    var missing: [String] = []
    /// Sources whose records are merged, since they were sealed.
    var merged: Set<String> = []
    /// When the last of them was.
    var mergedAt: UInt64 = 0
    /// Of a source all is here that it had at this mark.
    var marks: [String: [UInt8]] = [:]
    /// What is to be activated, once all is merged.
    var activation: Merge?
    var copiedRecords = 0
    var copiedBytes = 0
    var copyStartedAt: UInt64 = 0
    /// Who recorded the activation, in which incarnation.
    var recorded: [String: UInt64] = [:]

    init(target: Configuration, startedAt: UInt64, others: Set<String>, earlierOwners: Set<String>) {
        self.earlierOwners = earlierOwners
        self.target = target
        self.startedAt = startedAt
        self.others = others
    }

    /// Nodes that may hold what was acknowledged and is not in the records of `sources`, which promised to stop first.
    func unheard(by sources: [String], of configuration: Configuration, now: UInt64) -> Set<String> {
        others.filter { name in
            guard let answer = answers[name], answer.heardAt + 2 * Patience.fresh >= now else { return true }
            return answer.status.isActive && answer.status.promised < configuration && !sources.contains(name)
        }
    }

    /// The configurations that may have been in force when this life of the process began, the last one being the newest; nil = it is
    /// not known. What follows a configuration is recorded by a quorum of it first: where the answers of a quorum of each
    /// know of nothing more that followed, nothing had.
    func inForceBeforeStart(_ replica: Replica, own: ReplicaStatus) -> [Configuration]? {
        let situation = Situation(replica, own: own, answers: answers)
        guard let newest = situation.newestActive(below: nil) else { return nil }
        return situation.missingFrom(newest, nil) == nil ? situation.needed(newest, nil) : nil
    }

    /// - Parameters:
    ///   - own: this node's status.
    ///   - refusals: how often in a row a node refused connections.
    mutating func decide(_ replica: Replica, own: ReplicaStatus, now: UInt64, refusals: (String) -> Int) -> Decision {
        let situation = Situation(replica, own: own, answers: answers)
        guard replica.isRecovering else { return decideJoin(replica, situation, now: now, refusals) }
        // Wherever returning is possible, it keeps what is in force alive; a change may follow.
        let toReturn = decideReturn(replica, situation)
        if case .blocked? = toReturn {} else if let toReturn { return toReturn }
        guard target.contains(replica.node) else { return toReturn ?? .wait }
        let toJoin = decideJoin(replica, situation, now: now, refusals)
        if case .blocked = toJoin, let toReturn { return toReturn }
        return toJoin
    }

    // MARK: Returning after a restart

    /// Rule 15. Nil: nothing is in force that this node could return to.
    private func decideReturn(_ replica: Replica, _ situation: Situation) -> Decision? {
        guard let newest = situation.newestActive(below: nil), newest.contains(replica.node) else { return nil }
        let isFollowed = situation.replies.values.contains { $0.activated.contains { $0 > newest } }
        if isFollowed { return nil }
        let others = situation.replies.filter { name, reply in
            name != replica.node && newest.contains(name) && reply.remembers(newest) && reply.promised <= newest
        }
        let sources = others.filter { $0.value.isActive && $0.value.configuration == newest }.keys.sorted()
        let hasForgottenNothing = situation.hasBegun(newest, with: replica)
        guard others.count >= newest.recoveryQuorum || hasForgottenNothing || isWaiving, !sources.isEmpty else {
            return .blocked(newest.members.filter { $0 != replica.node && others[$0] == nil })
        }
        return .merge(Merge(configuration: newest, sources: sources))
    }

    // MARK: Joining

    private mutating func decideJoin(
        _ replica: Replica,
        _ situation: Situation,
        now: UInt64,
        _ refusals: (String) -> Int
    ) -> Decision {
        if replica.promised > target || replica.configuration > target { return .wait }
        let witnesses = situation.replies.filter { name, reply in
            name != replica.node && target.contains(name) && reply.remembers(target)
        }
        let isCertain = witnesses.count >= target.recoveryQuorum || situation.hasBegun(target, with: replica)
        if replica.remembers(target) || isCertain || isWaiving { isUnburdened = true }
        let there = situation.active(at: target)
        if !there.isEmpty {
            guard isUnburdened else { return .blocked(membersMissing(replica)) }
            return .merge(Merge(configuration: target, sources: there))
        }
        guard let newest = situation.newestActive(below: target) else {
            return decideEmpty(replica, situation, refusals)
        }
        if replica.isActive && replica.configuration == newest {
            hasCopied = true
        } else if !hasCopied {
            return .copy(from: situation.active(at: newest).filter { $0 != replica.node }, configuration: newest)
        }
        return isSealing
            ? decideSealed(replica, situation, newest, now: now) : decideSeal(replica, situation, newest, now: now)
    }

    private func membersMissing(_ replica: Replica) -> [String] {
        target.members.filter { answers[$0] == nil && $0 != replica.node }
    }

    /// Whether to stop the old owners: not before it is likely that the new ones can go on at once.
    private func decideSeal(
        _ replica: Replica,
        _ situation: Situation,
        _ newest: Configuration,
        now: UInt64
    ) -> Decision {
        let fresh = situation.filtered { name, _ in
            name == replica.node || (answers[name]?.heardAt ?? 0) + Patience.fresh >= now
        }
        let members = target.members.filter { fresh.replies[$0] != nil }
        if !isWaiving {
            if let missing = fresh.missingFrom(newest, target) { return .blocked(missing) }
            if members.count < target.quorum { return .blocked(target.members.filter { fresh.replies[$0] == nil }) }
        }
        let areReady = members.allSatisfy { name in
            name == replica.node || fresh.isReady(name, for: target, newest)
        }
        return areReady ? .seal : .wait
    }

    /// Rules 12 and 13, by those that have promised to acknowledge nothing older.
    private mutating func decideSealed(
        _ replica: Replica,
        _ situation: Situation,
        _ newest: Configuration,
        now: UInt64
    ) -> Decision {
        let there = situation.filtered { name, _ in
            // When waiving, whoever does not answer any more is not waited for.
            !isWaiving || name == replica.node || (answers[name]?.heardAt ?? 0) + 2 * Patience.fresh >= now
        }
        let sealed = there.filtered { _, reply in reply.promised >= target || reply.configuration >= target }
        let unsealed = there.replies.filter { sealed.replies[$0.key] == nil && $0.value.isActive }.keys.sorted()
        if sealed.newestActive(below: target) != newest || isWaiving && !unsealed.isEmpty { return .blocked(unsealed) }
        if let missing = sealed.missingFrom(newest, target), !isWaiving { return .blocked(missing) }
        let needed = sealed.needed(newest, target)
        let counted = sealed.counted(needed)
        if !isUnburdened {
            // Asked before this node tells anybody that the target is in force.
            if counted.values.contains(where: { $0.activated.contains(target) }) {
                return .blocked(membersMissing(replica))
            }
            isUnburdened = true
        }
        let sources = sealed.replies.filter { name, reply in
            name != replica.node && reply.isActive && (isWaiving || reply.configuration == newest)
        }
        return .merge(
            Merge(
                configuration: target,
                sources: sources.keys.sorted(),
                recorders: counted.mapValues(\.incarnation),
                needed: needed
            )
        )
    }

    /// The recorders make up a quorum of each needed configuration, or all that there is when waiving.
    func isRecorded(_ merge: Merge, now: UInt64) -> Bool {
        let recorders = merge.recorders.filter { recorded[$0.key] == $0.value }
        if recorders.count == merge.recorders.count { return true }
        // All of them, if they answer soon: whoever has recorded it answers no read by what it has.
        return !isWaiving && now >= mergedAt + Patience.recording
            && merge.needed.allSatisfy { configuration in
                configuration.members.count { recorders[$0] != nil } >= configuration.quorum
            }
    }

    // MARK: Nothing to copy

    /// Rule 16, but only if every node that may hold something has said that it does not, and will not: whoever is merely out of
    /// reach is waited for.
    private func decideEmpty(_ replica: Replica, _ situation: Situation, _ refusals: (String) -> Int) -> Decision {
        let unheard = others.filter { name in
            answers[name] == nil && (refusals(name) < Patience.refusals || earlierOwners.contains(name))
        }
        if !unheard.isEmpty && !isWaiving { return .blocked(unheard.sorted()) }
        if !isSealing { return .seal }
        let unsealed = answers.filter { $0.value.status.promised < target && $0.value.status.configuration < target }
        return unsealed.isEmpty || isWaiving ? .beginEmpty(target) : .blocked(unsealed.keys.sorted())
    }
}

/// The answers that count for a decision, this node's own among them: a node that started anew since it answered is left out,
/// and so are records from before the shard was dropped.
private struct Situation {
    var replies: [String: ReplicaStatus]
    private let droppedEpoch: UInt64

    init(_ replica: Replica, own: ReplicaStatus, answers: [String: Transition.Answer]) {
        var replies = answers.mapValues(\.status)
        replies[replica.node] = own
        var newest = replica.incarnations
        for reply in replies.values { newest.merge(reply.incarnations, uniquingKeysWith: max) }
        self.replies = replies.filter { $0.value.incarnation >= newest[$0.key] ?? 0 }
        droppedEpoch = max(replica.droppedEpoch, replies.values.map(\.droppedEpoch).max() ?? 0)
    }

    func filtered(_ isCounted: (String, ReplicaStatus) -> Bool) -> Situation {
        var copy = self
        copy.replies = replies.filter { isCounted($0.key, $0.value) }
        return copy
    }

    private func isHolder(_ reply: ReplicaStatus) -> Bool {
        reply.isActive && reply.configuration.epoch > droppedEpoch
    }

    func active(at configuration: Configuration) -> [String] {
        replies.filter { isHolder($0.value) && $0.value.configuration == configuration }.keys.sorted()
    }

    /// A configuration began with nothing while this node was in its present incarnation: whatever was acknowledged there since,
    /// it remembers.
    func hasBegun(_ configuration: Configuration, with replica: Replica) -> Bool {
        replies.values.contains { reply in
            reply.isActive && reply.configuration == configuration
                && reply.beganEmptyWith[replica.node] == replica.incarnation
        }
    }

    func newestActive(below limit: Configuration?) -> Configuration? {
        replies.values.filter(isHolder).map(\.configuration).filter { limit == nil || $0 < limit! }.max()
    }

    /// The configurations that a quorum each has to speak for: the newest active one and those that followed it.
    /// - Parameter target: what is to follow; nil = nothing.
    func needed(_ newest: Configuration, _ target: Configuration?) -> [Configuration] {
        let followers = replies.values.flatMap(\.activated).filter { $0 > newest && (target == nil || $0 < target!) }
        return [newest] + Set(followers).sorted()
    }

    /// The answers that speak for at least one of them.
    func counted(_ needed: [Configuration]) -> [String: ReplicaStatus] {
        replies.filter { name, reply in needed.contains { $0.contains(name) && reply.remembers($0) } }
    }

    /// Nil: each needed configuration has a quorum among the answers. Otherwise, whose are missing.
    func missingFrom(_ newest: Configuration, _ target: Configuration?) -> [String]? {
        for configuration in needed(newest, target) {
            let missing = configuration.members.filter { replies[$0]?.remembers(configuration) != true }
            if configuration.members.count - missing.count < configuration.quorum { return missing }
        }
        return nil
    }

    /// A member has what an active owner had, and is waiting for the seal.
    func isReady(_ name: String, for target: Configuration, _ newest: Configuration) -> Bool {
        guard let reply = replies[name] else { return false }
        if reply.configuration == target || reply.isActive && reply.configuration == newest { return true }
        return reply.hasCopied && reply.target == target
    }
}
