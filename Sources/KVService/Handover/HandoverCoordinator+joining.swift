import KVSharding
import KVWire

extension HandoverCoordinator {
    /// Does what the answers, the time and the finished copies allow for a shard.
    mutating func evaluate(_ number: Int, now: UInt64) {
        guard let shard = shards[number] else { return }
        if shard.join != nil {
            evaluateJoin(number, now: now)
        } else if shard.state == .serving {
            evaluateInquiries(number, now: now)
        }
        resumeCopy(number, now: now)
    }

    private mutating func evaluateJoin(_ number: Int, now: UInt64) {
        guard let shard = shards[number], let join = shard.join, shard.copy == nil, join.retryAt <= now else { return }
        let decision = join.decide(shard: number, now: now) { peers[$0]?.refusals ?? 0 }
        if decision == .wait { return }
        if !join.isDecided { settleOwnCopy(number) }
        switch decision {
        case .wait: break
        case .copy(let source, _): beginCopy(number, from: source)
        case .serve(let waived): serve(number, waived: waived)
        }
    }

    /// The fate of a copy that this node has kept from earlier is known: it takes writes from now on.
    private mutating func settleOwnCopy(_ number: Int) {
        guard let shard = shards[number], let join = shard.join else { return }
        let isOutdated = join.isOwnCopyOutdated
        if isOutdated { actions.append(.clear(number)) }
        if shard.state == .leaving { setState(number, .joining) }
        update(number) {
            $0.join?.isDecided = true
            if isOutdated {
                $0.completeEpoch = 0
                $0.join?.ownCompleteEpoch = 0
            }
        }
    }

    private mutating func serve(_ number: Int, waived: [String]) {
        guard let join = shards[number]?.join else { return }
        setState(number, .serving)
        update(number) { shard in
            shard.join = nil
            shard.joinedAt = join.epoch
            shard.isWaived = !waived.isEmpty
            for (name, answer) in join.answers { shard.covered[name] = answer.askedAt }
            // Owners that were silent may hold what this node lacks: it goes on asking.
            for name in join.unheard where join.required.contains(name) {
                shard.inquiries[name] = ShardHandover.Inquiry(isLate: true)
            }
        }
        actions.append(.redirect(number, nil))
        if !waived.isEmpty {
            waivedCopies += 1
            actions.append(.report(.waived(shard: number, unheard: waived)))
        }
        guard let shard = shards[number] else { return }
        actions.append(
            .report(
                .serving(
                    shard: number,
                    epoch: epoch,
                    copiedRecords: shard.copiedRecords,
                    copiedBytes: shard.copiedBytes
                )
            )
        )
    }

    /// Copies what nodes hold that were not heard in time, or that offer records which may be missing here.
    private mutating func evaluateInquiries(_ number: Int, now: UInt64) {
        guard let shard = shards[number], shard.copy == nil else { return }
        for (name, inquiry) in shard.inquiries.sorted(by: { $0.key < $1.key }) {
            guard let answer = inquiry.answer else { continue }
            if isCovered(number, shard, inquiry, answer) {
                finishInquiry(number, name, answer)
            } else {
                beginCopy(number, from: name)
                return
            }
        }
    }

    mutating func finishInquiry(_ number: Int, _ name: String, _ answer: Join.Answer) {
        update(number) { shard in
            shard.covered[name] = answer.askedAt
            shard.inquiries[name] = nil
            if !shard.inquiries.values.contains(where: \.isLate) { shard.isWaived = false }
        }
    }

    /// Everything that a node holds is here already. So it is when it last was an owner together with this one, at a map
    /// that this node has followed: what was acknowledged then is at both.
    private func isCovered(
        _ number: Int,
        _ shard: ShardHandover,
        _ inquiry: ShardHandover.Inquiry,
        _ answer: Join.Answer
    ) -> Bool {
        let holding = answer.holding
        if holding.state == .absent || !holding.hasData { return true }
        guard holding.completeEpoch > 0 else { return false }
        if holding.completeEpoch < droppedAt[number, default: 0] { return true }
        if inquiry.isLate || holding.completeEpoch < shard.joinedAt { return false }
        return history.contains { $0.epoch == holding.completeEpoch && $0.map.members(of: number).contains(node) }
    }
}
