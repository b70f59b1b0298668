import KVCore
import KVSharding
import KVWire

/// How this node becomes an active owner of its shards.
extension ReplicationCoordinator {
    /// While others are waited for, how often what was copied is brought up to date.
    private static let refreshMilliseconds: UInt64 = 2000

    /// Does what the answers, the time and the finished copies allow for a shard.
    mutating func evaluate(_ shard: Int) {
        guard map != nil, let replica = replicas[shard] else { return }
        guard replica.wish != nil else {
            if replica.transition != nil {
                stopPulls(of: shard)
                note(shard) { $0.transition = nil }
            }
            return
        }
        if replica.transition?.target != replica.target { begin(shard) }
        guard var transition = replicas[shard]?.transition else { return }
        let current = self.replica(shard)
        let own = current.status(for: node, content: ContentSummary())
        if let inForce = transition.inForceBeforeStart(current, own: own), current.learns(inForceBeforeStart: inForce) {
            change(shard) { $0.note(inForceBeforeStart: inForce) }
            return evaluate(shard)
        }
        let decision = transition.decide(
            current,
            own: own,
            now: now,
            refusals: { peers[$0]?.refusals ?? 0 }
        )
        transition.missing = []
        if case .blocked(let missing) = decision { transition.missing = missing }
        note(shard) { $0.transition = transition }
        perform(decision, shard)
    }

    private mutating func begin(_ shard: Int) {
        let replica = replica(shard)
        var transition = Transition(
            target: replica.target,
            startedAt: now,
            others: allPeers.union(replica.target.members).union(replica.owed.members).subtracting([node]),
            earlierOwners: Set(history.dropLast().flatMap { $0.map.members(of: shard) }).subtracting([node])
        )
        transition.answers = replica.transition?.answers ?? [:]
        stopPulls(of: shard)
        note(shard) { $0.transition = transition }
        host(shard)
        actions.append(
            .report(
                replica.isRecovering
                    ? .recovering(shard: shard, epoch: replica.target.epoch)
                    : .joining(shard: shard, epoch: replica.target.epoch)
            )
        )
        for name in transition.others { hurry(name) }
    }

    private mutating func perform(_ decision: Transition.Decision, _ shard: Int) {
        guard let transition = replicas[shard]?.transition else { return }
        if case .blocked = decision {} else { note(shard) { $0.transition?.blockedSince = nil } }
        switch decision {
        case .wait: refresh(shard)
        case .blocked:
            refresh(shard)
            blocked(shard, since: transition.blockedSince ?? now)
        case .copy(let sources, let configuration): copy(shard, from: sources, of: configuration)
        case .seal:
            note(shard) { $0.transition?.isSealing = true }
            seal(shard, for: replica(shard).target)
            for name in transition.others { hurry(name) }
            evaluate(shard)
        case .merge(let merge): self.merge(shard, merge)
        case .beginEmpty(let configuration):
            becomeActive(shard, at: configuration, predecessors: [])
            note(shard) { $0.beganEmptyWith = $0.incarnations }
        }
    }

    /// Rule 17.
    private mutating func blocked(_ shard: Int, since: UInt64) {
        note(shard) { $0.transition?.blockedSince = since }
        guard let patience = policy.proceedAfterMilliseconds, now >= since + patience else { return }
        waive(shard)
    }

    mutating func proceed(_ shard: Int) {
        let isBlocked = replicas[shard]?.transition?.blockedSince != nil
        actions.append(.answerProceed(isBlocked))
        if isBlocked { waive(shard) }
    }

    private mutating func waive(_ shard: Int) {
        note(shard) {
            $0.transition?.isWaiving = true
            $0.transition?.blockedSince = nil
        }
        evaluate(shard)
    }

    // MARK: Copying

    /// Rule 11: what can be copied while the old owners serve.
    private mutating func copy(_ shard: Int, from sources: [String], of configuration: Configuration) {
        if isPulling(shard) { return }
        let answers = replica(shard).transition?.answers ?? [:]
        if sources.contains(where: { answers[$0]?.status.hasData == false }) {
            prepareStore(shard, for: configuration)
            note(shard) { [now] replica in
                replica.transition?.hasCopied = true
                replica.freshAt = now
            }
            return evaluate(shard)
        }
        let source = choose(sources, shard)
        let isLarge = isLarge(shard, at: source)
        if !hasRoomForCopy(shard, isLarge: isLarge) { return }
        let isKept = prepareStore(shard, for: configuration)
        startPull(shard, from: source, .copy, isKept ? .difference(isConfirmed: false) : .whole, isLarge: isLarge)
    }

    private func isLarge(_ shard: Int, at source: String) -> Bool {
        replica(shard).transition?.answers[source]?.status.bytes ?? .max > PullRecord.largeBytes
    }

    /// Copies of whole shards take turns, a few large ones at a time.
    private mutating func hasRoomForCopy(_ shard: Int, isLarge: Bool) -> Bool {
        let others = pulls.values.count { $0.isWhole && $0.isLarge == isLarge }
        if others < (isLarge ? PullRecord.largeMax : PullRecord.smallMax) { return true }
        if !waitingCopies.contains(shard) { waitingCopies.append(shard) }
        return false
    }

    private func isPulling(_ shard: Int) -> Bool { pulls.values.contains { $0.shard == shard } }

    /// Records of old may be kept beside those of a newer configuration only while the markers of all that was deleted since are
    /// still somewhere. Those of an owner that is active at `configuration` itself are as good as any other's; and where those
    /// that serve wait for this node's, they keep all markers until they have them.
    /// - Returns: whether there are such.
    @discardableResult
    private mutating func prepareStore(_ shard: Int, for configuration: Configuration) -> Bool {
        let replica = replica(shard)
        if replica.isActive,
            replica.configuration >= configuration || replica.transition?.isWaiving == true || isAwaited(replica)
        {
            return true
        }
        if replica.freshAt == 0 { return false }
        if now < replica.freshAt + Transition.Patience.freshness { return true }
        actions.append(.clear(shard))
        change(shard) { replica in
            replica.isActive = false
            replica.freshAt = 0
            replica.transition?.marks = [:]
        }
        return false
    }

    /// Owners went on without this node, and may lack what it acknowledged.
    private func isAwaited(_ replica: Replica) -> Bool {
        replica.transition?.answers.values.contains { $0.status.isActive && $0.status.waived.contains(node) } == true
    }

    /// Spreads the copies over the sources, and prefers one that did not fail lately.
    private func choose(_ sources: [String], _ shard: Int) -> String {
        let well = sources.filter { (peers[$0]?.failedAt ?? 0) + 1000 < now }
        let candidates = well.isEmpty ? sources : well
        return candidates[shard % candidates.count]
    }

    private mutating func refresh(_ shard: Int) {
        let replica = replica(shard)
        guard let transition = replica.transition, transition.hasCopied, !replica.isActive,
            now >= replica.freshAt + Self.refreshMilliseconds,
            !pulls.values.contains(where: { $0.shard == shard }),
            let newest = replica.activeAt.values.max(),
            let source = replica.activeAt.filter({ $0.value == newest }).keys.sorted().first
        else { return }
        startPull(shard, from: source, .refresh, .difference(isConfirmed: false))
    }

    // MARK: Merging and activating

    /// Rule 13.
    private mutating func merge(_ shard: Int, _ merge: Transition.Merge) {
        guard let transition = replica(shard).transition else { return }
        if pulls.values.contains(where: { $0.shard == shard && $0.purpose == .merge }) { return }
        let held = merge.sources.compactMap { transition.answers[$0]?.status.configuration }.max()
        let isKept = prepareStore(shard, for: held ?? merge.configuration)
        let missing = merge.sources.filter { source in
            !transition.merged.contains(source) && transition.answers[source]?.status.hasData != false
        }
        if let source = missing.first {
            let isWhole = transition.merged.isEmpty && !transition.hasCopied && !replica(shard).isActive
            let isLarge = isLarge(shard, at: source)
            if isWhole && !hasRoomForCopy(shard, isLarge: isLarge) { return }
            let mode = isWhole && !isKept ? Pull.Mode.whole : .difference(isConfirmed: true)
            startPull(shard, from: source, .merge, mode, isLarge: isLarge)
            return
        }
        if merge.recorders.isEmpty {
            // What the sources said before the copy may hold no longer.
            let isConfirmed = merge.sources.allSatisfy { source in
                (transition.answers[source]?.heardAt ?? 0) >= transition.mergedAt
            }
            guard isConfirmed else { return }
        } else {
            note(shard) { [node] replica in
                replica.transition?.activation = merge
                if merge.recorders[node] != nil { replica.transition?.recorded[node] = replica.incarnation }
            }
            guard replica(shard).transition?.isRecorded(merge, now: now) == true else { return sendActivations() }
        }
        becomeActive(shard, at: merge.configuration, predecessors: merge.sources)
    }

    private mutating func becomeActive(_ shard: Int, at configuration: Configuration, predecessors: [String]) {
        guard let transition = replica(shard).transition else { return }
        stopPulls(of: shard)
        host(shard)
        let unheard = transition.isWaiving ? transition.unheard(by: predecessors, of: configuration, now: now) : []
        let waivedByOthers = transition.answers.values.filter(\.status.isActive).reduce(unheard) {
            $0.union($1.status.waived)
        }
        change(shard) { [now, node] replica in
            for answer in transition.answers.values {
                for (name, number) in answer.status.incarnations { replica.note(incarnation: number, of: name) }
            }
            replica.becomeActive(at: configuration, now: now)
            for name in predecessors { replica.covered[name] = configuration.epoch }
            for name in waivedByOthers where name != node && replica.waived[name] == nil { replica.waived[name] = now }
        }
        if transition.isWaiving {
            waivedCopies += 1
            actions.append(.report(.waived(shard: shard, unheard: unheard.sorted())))
        }
        actions.append(
            .report(
                .serving(
                    shard: shard,
                    epoch: configuration.epoch,
                    copiedRecords: transition.copiedRecords,
                    copiedBytes: transition.copiedBytes
                )
            )
        )
        announce(shard, to: transition.others)
        beginWaitingCopies()
    }

    mutating func beginWaitingCopies() {
        let shards = waitingCopies
        waitingCopies = []
        for shard in shards { evaluate(shard) }
    }
}
