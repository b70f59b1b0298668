import KVSharding
import KVWire

extension HandoverCoordinator {
    mutating func mapChanged(_ next: ShardMap, _ nextEpoch: UInt64, now: UInt64) {
        if let map, nextEpoch <= epoch || next.numShards != map.numShards {
            actions.append(.report(.mapIgnored(epoch: nextEpoch, current: epoch)))
            return
        }
        let previous = map
        let previousEpoch = epoch
        follow(next, nextEpoch)
        for name in peers.keys {
            peers[name]?.refusals = 0
            peers[name]?.askAt = 0
        }
        for shard in next.shards {
            if let promise = promises[shard] {
                // Someone has shown this node the strength of a newer map: an older one does not undo that.
                if promise.epoch > nextEpoch { continue }
                promises[shard] = nil
            }
            let owners = next.members(of: shard)
            if owners.isEmpty {
                drop(shard, nextEpoch)
            } else if owners.contains(node) {
                gain(shard, owners, previous: previous, now: now)
            } else {
                lose(shard, nextEpoch, owners, completeEpoch: previousEpoch)
            }
        }
        for shard in active.sorted() { evaluate(shard, now: now) }
        ask(now: now)
        sendOffers(now: now)
    }

    /// A peer gives a higher number to the map that is in force here too: this node missed a change and its undoing, or
    /// numbered its file at another moment. It takes that number over, or it would never count as up to date again.
    mutating func adopt(_ peer: MapMark, now: UInt64) {
        guard peer.epoch > epoch, peer.fingerprint == mark.fingerprint, peer.fingerprint != 0,
            let map, map.epoch == nil
        else { return }
        mapChanged(map, peer.epoch, now: now)
    }

    private mutating func drop(_ shard: Int, _ epoch: UInt64) {
        droppedAt[shard] = epoch
        guard shards[shard] != nil else { return }
        remove(shard)
        actions.append(.report(.dropped(shard: shard, epoch: epoch)))
    }

    /// Stops hosting a shard.
    mutating func remove(_ shard: Int) {
        endCopy(shard)
        shards[shard] = nil
        active.remove(shard)
        actions.append(.drop(shard))
        actions.append(.redirect(shard, nil))
    }

    private mutating func gain(_ shard: Int, _ owners: [String], previous: ShardMap?, now: UInt64) {
        let known = shards[shard]
        if known?.state == .serving && known?.leave == nil { return }
        if let join = known?.join, Set(join.members) == Set(owners) { return }
        let previousOwners = previous?.members(of: shard) ?? owners
        let join = Join(
            epoch: epoch,
            startedAt: now,
            members: owners,
            isBoot: previous == nil,
            required: Set(previousOwners).union(known?.join?.required ?? []).subtracting([node]),
            others: Set(history.flatMap(\.map.nodes.keys)).subtracting([node]),
            // A copy that has taken writes since is not what it was.
            ownCompleteEpoch: known?.state == .leaving ? known?.completeEpoch ?? 0 : 0,
            droppedAt: droppedAt[shard] ?? 0
        )
        endCopy(shard)
        if known == nil {
            shards[shard] = ShardHandover(state: .joining)
            actions.append(.host(shard))
        } else if known?.state == .leaving && join.ownCompleteEpoch == 0 {
            setState(shard, .joining)
        }
        update(shard) {
            $0.join = join
            $0.completeEpoch = join.ownCompleteEpoch
            $0.leave = nil
            $0.inquiries = [:]
            $0.covered = [:]
        }
        redirectToSources(shard)
        actions.append(.report(.joining(shard: shard, epoch: epoch)))
    }

    /// The shard has other owners at `ownersEpoch`.
    /// - Parameter completeEpoch: the epoch up to which this node was an owner.
    mutating func lose(_ shard: Int, _ ownersEpoch: UInt64, _ owners: [String], completeEpoch: UInt64) {
        guard let known = shards[shard] else { return }
        endCopy(shard)
        update(shard) {
            switch known.state {
            case .serving: $0.completeEpoch = known.isWaived ? 0 : completeEpoch
            // It has taken writes that no complete copy has.
            case .joining: $0.completeEpoch = 0
            case .leaving, .absent: break
            }
            $0.join = nil
            $0.inquiries = [:]
            $0.covered = [:]
            $0.leave = ShardHandover.Leave(epoch: ownersEpoch, owners: owners)
        }
        actions.append(.redirect(shard, view(shard, ownersEpoch, owners)))
        if known.state == .leaving { return }
        setState(shard, .leaving)
        actions.append(.report(.leaving(shard: shard, epoch: ownersEpoch, owners: owners)))
    }

    mutating func setState(_ shard: Int, _ state: ShardState) {
        shards[shard]?.state = state
        actions.append(.setState(shard, state))
    }

    /// Reads that a joining shard cannot answer yet go to those who can.
    mutating func redirectToSources(_ shard: Int) {
        guard let join = shards[shard]?.join else { return }
        let holders = join.answers.filter { $0.value.holding.hasData && $0.value.holding.state != .absent }.keys
        let sources = holders.isEmpty ? join.required.sorted() : holders.sorted()
        actions.append(.redirect(shard, view(shard, epoch, sources)))
    }

    /// The nodes of which no map gives the address are left out.
    private func view(_ shard: Int, _ epoch: UInt64, _ names: [String]) -> View {
        let members = names.compactMap { name -> View.Member? in
            guard let address = history.reversed().lazy.compactMap({ $0.map.nodes[name] }).first else { return nil }
            return View.Member(node: name, address: address.host, port: UInt16(address.port))
        }
        return View(shard: shard, epoch: epoch, members: members)
    }
}
