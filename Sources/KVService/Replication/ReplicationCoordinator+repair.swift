import KVCore
import KVWire

/// Keeping the replicas of a view alike: every few seconds each pair compares a hash of what it holds, and who lacks something
/// pulls it. What was pulled when decides how long markers of deleted keys are kept (rule 4).
extension ReplicationCoordinator {
    private static let compareMilliseconds: UInt64 = 5000
    private static let compareTimeoutMilliseconds: UInt32 = 2000
    private static let repairsMax = 2
    private static let lookMilliseconds: UInt64 = 500
    /// How long a member may be silent before the others of a majority forget it.
    private static let forgetMilliseconds: UInt64 = 600_000
    /// How long what a node holds that was waited for no longer is taken from it when it returns: until then no marker goes.
    private static let waivedMilliseconds: UInt64 = 3_600_000
    /// How long an owner-to-be that was seen may still be copying.
    private static let joinerMilliseconds: UInt64 = 60_000

    /// What the time alone brings about for shards in steady state.
    mutating func keepAlike() {
        guard now >= keepAlikeAt else { return }
        keepAlikeAt = now + Self.lookMilliseconds
        forgetTheSilent()
        sendComparisons()
        askTheWaived()
        // With time alone markers may go where nobody compares.
        for (shard, replica) in replicas where replica.isServing && replica.configuration.members.count == 1 {
            if published[shard]?.markersDroppableBefore != markersDroppableBefore(replica) { publish(shard) }
        }
    }

    // MARK: Comparing

    private mutating func sendComparisons() {
        var wanted: [String: [CompareRequest.Entry]] = [:]
        for (shard, replica) in replicas where replica.isServing {
            for name in replica.configuration.members where name != node {
                wanted[name, default: []].append(
                    CompareRequest.Entry(
                        shard: shard,
                        epoch: replica.configuration.epoch,
                        digest: 0,
                        syncedAt: replica.synced[name] ?? 0
                    )
                )
            }
        }
        for (name, entries) in wanted.sorted(by: { $0.key < $1.key }) {
            let peer = peers[name, default: Peer()]
            if peer.compare != nil || peer.compareAt > now { continue }
            let token = makeToken(.compare(node: name))
            peers[name, default: Peer()].compare = token
            peers[name]?.compareAt = now + Self.compareMilliseconds
            let request = CompareRequest(sender: sender, entries: entries.sorted { $0.shard < $1.shard })
            send(token, to: name, .compare(request), Self.compareTimeoutMilliseconds)
        }
    }

    mutating func compared(with name: String, _ result: Result<PeerResponse, RPCError>) {
        peers[name]?.compare = nil
        guard case .success(.compare(let response)) = result else { return }
        adopt(response.sender.map)
        let peer = peers[name, default: Peer()]
        for entry in response.entries where isShard(entry.shard) {
            let replica = replica(entry.shard)
            guard replica.isServing else { continue }
            if entry.epoch != replica.configuration.epoch {
                announce(entry.shard, to: [name])
            } else if entry.isEqual {
                note(entry.shard) { $0.synced[name] = response.sender.clock }
            } else if !pulls.values.contains(where: { $0.shard == entry.shard && $0.source == name }),
                pulls.values.count(where: { $0.purpose == .repair }) < Self.repairsMax
            {
                startPull(entry.shard, from: name, .repair, .difference(isConfirmed: false))
            } else {
                // The next one soon: others are being repaired.
                let next = now + 500
                peers[name, default: Peer()].compareAt = min(peer.compareAt, next)
            }
        }
    }

    mutating func compare(_ request: CompareRequest) {
        adopt(request.sender.map)
        let name = request.sender.node
        var entries: [CompareResponse.Entry] = []
        for entry in request.entries where isShard(entry.shard) {
            let replica = replica(entry.shard)
            let epoch = replica.isServing ? replica.configuration.epoch : 0
            if epoch == entry.epoch {
                change(entry.shard) { [now] replica in
                    replica.note(syncedBy: name, at: entry.syncedAt)
                    replica.heardSyncedAt[name] = now
                }
            } else {
                announce(entry.shard, to: [name])
            }
            entries.append(CompareResponse.Entry(shard: entry.shard, epoch: epoch, isEqual: false))
        }
        actions.append(.answerCompare(CompareResponse(sender: sender, entries: entries)))
    }

    // MARK: Markers

    /// Rule 4: a marker goes only when every replica has seen it, and nobody is copying what was before it.
    func markersDroppableBefore(_ replica: Replica) -> UInt64 {
        guard replica.isServing, !replica.isChanging, replica.waived.isEmpty,
            now >= replica.joinerSeenAt + Self.joinerMilliseconds
        else { return 0 }
        let others = replica.configuration.members.filter { $0 != node && !replica.forgotten.contains($0) }
        return others.map { replica.hasAllBefore($0) }.min() ?? .max
    }

    // MARK: The silent

    /// Until they have given what they had, or are found to have nothing: so has one whose process is not there.
    private mutating func askTheWaived() {
        guard now >= askWaivedAt else { return }
        askWaivedAt = now + Self.compareMilliseconds
        for (shard, replica) in replicas where !replica.waived.isEmpty {
            let awaited = replica.waived.filter { name, since in
                peers[name, default: Peer()].refusals < Transition.Patience.refusals
                    && now < since + Self.waivedMilliseconds
            }
            note(shard) { $0.waived = awaited }
            announce(shard, to: awaited.keys)
        }
    }

    /// A member that a majority has not heard for minutes must start anew when it returns, so that markers need not be kept for
    /// its sake for ever. Two replicas have no majority without each other: their markers wait.
    private mutating func forgetTheSilent() {
        for (shard, replica) in replicas where replica.isServing && replica.configuration.members.count > 2 {
            let limit = now - min(now, Self.forgetMilliseconds)
            guard replica.activatedAt < limit else { continue }
            let others = replica.configuration.members.filter { $0 != node }
            let silent = others.filter { (replica.heardSyncedAt[$0] ?? replica.activatedAt) < limit }
            let heard = others.filter { (replica.heardSyncedAt[$0] ?? 0) + 60_000 > now }
            guard !silent.isEmpty, heard.count + 1 >= replica.configuration.quorum else { continue }
            change(shard) { replica in
                for name in silent {
                    replica.note(incarnation: (replica.incarnations[name] ?? 0) + 1, of: name)
                    replica.forgotten.insert(name)
                }
            }
            announce(shard, to: heard)
        }
    }

    /// Others know a greater incarnation of this node than its own: they have forgotten it, or its clock went back while it was
    /// down.
    mutating func startAnewIfForgotten(_ shard: Int) {
        let replica = replica(shard)
        guard let known = replica.incarnations[node], known > replica.incarnation else { return }
        if replica.isHosted && !replica.isRecovering {
            actions.append(.clear(shard))
            actions.append(.report(.forgotten(shard: shard)))
        }
        change(shard) { replica in
            replica.incarnation = known + 1
            replica.isActive = false
            replica.isRecovering = true
            replica.transition = nil
        }
        announce(shard, to: allPeers)
    }
}
