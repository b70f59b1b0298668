import KVWire

/// How a node comes to own a shard: it asks every other node what that holds, copies what it must, and serves.
///
/// Write-all clients make one rule enough for the choice of sources: what was acknowledged at some map is at every owner in
/// that map. So one complete copy of the newest map brings everything older, and a copy that never became complete may hold
/// newer writes, so each of those is merged too.
struct Join {
    /// What a node answered.
    struct Answer {
        var holding: Holding
        /// The epoch at which it was asked, and promised to accept no more writes as an owner of an older one.
        var askedAt: UInt64
        /// Its own map's epoch.
        var epoch: UInt64
    }

    /// What is to be done next.
    enum Decision: Equatable {
        case wait
        /// `isComplete`: it is the one that brings everything older.
        case copy(from: String, isComplete: Bool)
        /// Every source is copied. `waived`: the nodes without whose answer there may be records missing.
        case serve(waived: [String])
    }

    /// The times that bound the wait for answers, in milliseconds.
    enum Patience {
        /// How long a node may stay silent before the others' answers must do.
        static let silence: UInt64 = 4000
        /// A node at its start, with nobody holding anything: how long it waits for more than a majority.
        static let quorum: UInt64 = 1000
        /// How long previous owners are waited for.
        static let proceed: UInt64 = 10_000
        /// Refused connections in a row that mean that no process is there.
        static let refusals = 3
    }

    let epoch: UInt64
    let startedAt: UInt64
    /// The owners at `epoch`, this node included.
    let members: [String]
    /// The node has just started: it can't know who owned the shard before.
    let isBoot: Bool
    /// Those among `others` that certainly or (at the start) probably owned the shard until now.
    let required: Set<String>
    /// Everybody to ask.
    let others: Set<String>
    /// The epoch of the complete copy that this node has kept from earlier, 0 = none.
    var ownCompleteEpoch: UInt64
    /// The shard had no owner at this epoch: older copies do not count.
    let droppedAt: UInt64

    var answers: [String: Answer] = [:]
    /// Since when a node's answer is waited for, where that is later than `startedAt`.
    var waitingSince: [String: UInt64] = [:]
    /// Sources copied to the end.
    var copied: Set<String> = []
    /// Sources that failed, until when another one is preferred.
    var avoided: [String: UInt64] = [:]
    var retryAt: UInt64 = 0
    /// Sources are known, and an older copy of this node's own is gone: writes are accepted.
    var isDecided = false

    var unheard: Set<String> { others.filter { answers[$0] == nil } }

    /// The answers that count.
    private var counted: [String: Answer] {
        if droppedAt == 0 { return answers }
        return answers.filter { _, answer in
            let epoch = answer.holding.completeEpoch == 0 ? answer.epoch : answer.holding.completeEpoch
            return epoch >= droppedAt
        }
    }

    private var bestCompleteEpoch: UInt64 { counted.values.map(\.holding.completeEpoch).max() ?? 0 }

    /// This node's own older copy is outdated by another one, and must be forgotten before that is copied: it may hold
    /// keys that were deleted so long ago that nobody remembers.
    var isOwnCopyOutdated: Bool { ownCompleteEpoch > 0 && ownCompleteEpoch < bestCompleteEpoch }

    /// - Parameter refusals: how often in a row a node refused connections.
    func decide(shard: Int, now: UInt64, refusals: (String) -> Int) -> Decision {
        guard let waived = unheardIfEnough(now: now, refusals: refusals) else { return .wait }
        let counted = counted
        let best = bestCompleteEpoch
        if best > ownCompleteEpoch {
            let complete = counted.filter { $0.value.holding.completeEpoch == best }.keys
            if copied.isDisjoint(with: complete) {
                guard let source = preferred(of: complete, counted, shard: shard, now: now) else { return .wait }
                return .copy(from: source, isComplete: true)
            }
        }
        let partial = counted.filter { name, answer in
            answer.holding.completeEpoch == 0 && answer.holding.hasData && !copied.contains(name)
        }
        if let source = partial.keys.sorted().first { return .copy(from: source, isComplete: false) }
        return .serve(waived: waived)
    }

    /// Nil while more answers must be waited for; otherwise the nodes whose answer would have been needed.
    private func unheardIfEnough(now: UInt64, refusals: (String) -> Int) -> [String]? {
        let unheard = unheard
        if unheard.isEmpty { return [] }
        let hasComplete = max(ownCompleteEpoch, bestCompleteEpoch) > 0
        let elapsed = now - min(now, startedAt)
        if isBoot && !hasComplete && elapsed >= Patience.quorum && isMajorityEmpty { return [] }
        let isProceeding = elapsed >= Patience.proceed
        for node in unheard {
            let waited = now - min(now, waitingSince[node] ?? startedAt)
            let isUnreachable = refusals(node) >= Patience.refusals || waited >= Patience.silence
            if isProceeding || isUnreachable && (hasComplete || !required.contains(node)) { continue }
            return nil
        }
        return hasComplete ? [] : unheard.intersection(required).sorted()
    }

    /// A majority of the owners has answered, or is this node, and nobody who answered holds anything.
    private var isMajorityEmpty: Bool {
        let hasNothing = counted.values.allSatisfy { !$0.holding.hasData && $0.holding.completeEpoch == 0 }
        let heard = members.filter { answers[$0] != nil }.count + 1
        return hasNothing && heard > members.count / 2
    }

    /// Spreads the copies over the sources; those that leave the shard are preferred, since clients do not need them.
    private func preferred(
        of names: some Collection<String>,
        _ answers: [String: Answer],
        shard: Int,
        now: UInt64
    ) -> String? {
        let usable = names.filter { avoided[$0, default: 0] <= now }.sorted()
        let leaving = usable.filter { answers[$0]?.holding.state == .leaving }
        let candidates = leaving.isEmpty ? usable : leaving
        return candidates.isEmpty ? nil : candidates[shard % candidates.count]
    }
}
