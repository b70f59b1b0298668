import KVCore
import KVWire

/// A pull under way, as the coordinator knows it.
struct PullRecord: Sendable {
    enum Purpose {
        /// For an owner-to-be, from an active owner.
        case copy
        /// What was copied, up to date again while others are waited for.
        case refresh
        /// The last that a source acknowledged: needed to become active.
        case merge
        /// What an owner of old still holds.
        case late
        /// Replicas of one view that differ.
        case repair
    }

    /// Whole shards that are copied at a time, and what makes one large.
    static let largeMax = 4
    static let smallMax = 128
    static let largeBytes: UInt64 = 1 << 20

    var shard: Int
    var source: String
    var purpose: Purpose
    var isWhole: Bool
    var isLarge: Bool
    /// What it has brought so far.
    var records = 0
}

/// The records that come from other nodes: which are fetched when, and what follows when they are here.
extension ReplicationCoordinator {
    /// How long after a configuration came into force the records of its predecessors may be merged: markers of all that was
    /// deleted since are still there.
    private static let lateMilliseconds: UInt64 = 30_000

    mutating func startPull(
        _ shard: Int,
        from source: String,
        _ purpose: PullRecord.Purpose,
        _ mode: Pull.Mode,
        isLarge: Bool = false
    ) {
        lastToken += 1
        pulls[lastToken] = PullRecord(
            shard: shard,
            source: source,
            purpose: purpose,
            isWhole: mode == .whole,
            isLarge: isLarge
        )
        if mode == .whole { note(shard) { [now] in $0.transition?.copyStartedAt = now } }
        actions.append(
            .startPull(
                Pull(
                    identifier: lastToken,
                    shard: shard,
                    source: source,
                    mode: mode,
                    markersSince: markersNeededSince(shard, purpose, mode),
                    mark: mode == .whole ? [] : replica(shard).transition?.marks[source] ?? [],
                    bytesPerSecond: policy.copyBytesPerSecond,
                    pageBytes: policy.copyPageBytes,
                    trustsChanges: policy.ablations.contains(.confirm)
                )
            )
        )
    }

    /// A new owner needs the markers that came to be since its records were fresh, or since they began to be copied.
    private func markersNeededSince(_ shard: Int, _ purpose: PullRecord.Purpose, _ mode: Pull.Mode) -> UInt64 {
        if purpose == .repair { return 0 }
        let since = mode == .whole ? now : replica(shard).freshAt
        return max(1, since - min(since, PulledStore.skewMilliseconds))
    }

    mutating func stopPulls(of shard: Int) {
        for (identifier, _) in pulls.filter({ $0.value.shard == shard }) {
            pulls[identifier] = nil
            actions.append(.stopPull(identifier))
        }
        waitingCopies.removeAll { $0 == shard }
    }

    mutating func pullProgressed(_ identifier: UInt64, records: Int, bytes: Int) {
        guard let pull = pulls[identifier] else { return }
        pulls[identifier]?.records += records
        note(pull.shard) {
            $0.transition?.copiedRecords += records
            $0.transition?.copiedBytes += bytes
        }
    }

    mutating func pullEnded(_ identifier: UInt64, _ result: Result<Pull.Achievement, RPCError>) {
        guard let pull = pulls.removeValue(forKey: identifier) else { return }
        switch result {
        case .success(let achievement): pullDone(pull, achievement)
        case .failure(let error): pullFailed(pull, error)
        }
        evaluate(pull.shard)
        beginWaitingCopies()
    }

    private mutating func pullDone(_ pull: PullRecord, _ achievement: Pull.Achievement) {
        let asOf = achievement.asOf
        note(pull.shard) { [now] replica in
            replica.transition?.marks[pull.source] = achievement.mark
            switch pull.purpose {
            case .copy:
                replica.transition?.hasCopied = true
                replica.freshAt = min(now, asOf)
            case .refresh: replica.freshAt = min(now, asOf)
            case .merge:
                replica.transition?.merged.insert(pull.source)
                replica.transition?.mergedAt = now
                replica.freshAt = min(now, asOf)
            case .late:
                replica.covered[pull.source] = replica.configuration.epoch
                replica.waived[pull.source] = nil
            case .repair: replica.synced[pull.source] = asOf
            }
        }
        switch pull.purpose {
        case .copy, .merge:
            // Others may be waiting for this one to be ready, and it may need to hear from them.
            for name in replica(pull.shard).transition?.others ?? [] { hurry(name) }
        case .late: announce(pull.shard, to: [pull.source])
        case .repair where pull.records > 0:
            actions.append(.report(.repaired(shard: pull.shard, source: pull.source, records: pull.records)))
        case .refresh, .repair: break
        }
        if pull.purpose == .late { change(pull.shard) { _ in } }
    }

    private mutating func pullFailed(_ pull: PullRecord, _ error: RPCError) {
        peers[pull.source, default: Peer()].failedAt = now
        // Whoever fails is asked again, if it answers at all, before it counts.
        note(pull.shard) { $0.transition?.answers[pull.source] = nil }
        peers[pull.source]?.refusals = 0
        actions.append(.report(.copyFailed(shard: pull.shard, source: pull.source, error)))
    }

    // MARK: Owners of old

    /// A node that is no owner any more holds records that may not be here: it keeps them until it hears that it need not.
    mutating func coverLate(_ status: ReplicaStatus, from name: String) {
        let shard = status.shard
        let replica = replica(shard)
        guard replica.isServing, status.isActive, status.configuration < replica.configuration,
            status.promised >= replica.configuration, (replica.covered[name] ?? 0) < replica.configuration.epoch
        else { return }
        if now < replica.activatedAt + Self.lateMilliseconds || replica.waived[name] != nil {
            let isUnderWay = pulls.values.contains { $0.shard == shard && $0.source == name && $0.purpose == .late }
            if isUnderWay { return }
            startPull(shard, from: name, .late, .difference(isConfirmed: true))
        } else {
            note(shard) { $0.covered[name] = replica.configuration.epoch }
            actions.append(.report(.lateCopyIgnored(shard: shard, source: name)))
        }
    }
}
