import KVWire

/// Offering what leaves to its new owners, until all have confirmed.
extension HandoverCoordinator {
    private static let offerPauseMilliseconds: UInt64 = 300
    private static let offerTimeoutMilliseconds: UInt32 = 1000

    /// One Offer for each owner and epoch, for all shards at once.
    mutating func sendOffers(now: UInt64) {
        if offerAt > now { return }
        offerAt = now + Self.offerPauseMilliseconds
        struct Recipient: Hashable {
            var name: String
            var epoch: UInt64
        }
        var wanted: [Recipient: [ShardMembers]] = [:]
        for number in active.sorted() {
            guard let leave = shards[number]?.leave else { continue }
            for name in leave.owners where !leave.confirmed.contains(name) {
                wanted[Recipient(name: name, epoch: leave.epoch), default: []]
                    .append(ShardMembers(shard: number, members: leave.owners))
            }
        }
        for (recipient, entries) in wanted.sorted(by: { ($0.key.name, $0.key.epoch) < ($1.key.name, $1.key.epoch) }) {
            let (name, epoch) = (recipient.name, recipient.epoch)
            if peers[name]?.offers[epoch] != nil { continue }
            let token = makeToken(.offer(node: name, epoch: epoch, shards: entries.map(\.shard)))
            peers[name, default: Peer()].offers[epoch] = token
            let request = OfferRequest(node: node, epoch: epoch, shards: entries, map: mark)
            actions.append(.sendOffer(token, to: name, request, timeoutMilliseconds: Self.offerTimeoutMilliseconds))
        }
    }

    mutating func offerReply(_ token: UInt64, _ result: Result<OfferResponse, RPCError>, now: UInt64) {
        guard case .offer(let name, let epoch, let numbers)? = calls.removeValue(forKey: token) else { return }
        peers[name]?.offers[epoch] = nil
        guard case .success(let response) = result else { return }
        adopt(response.map, now: now)
        let offered = Set(numbers)
        for number in response.confirmed where offered.contains(number) {
            // A confirmation of an epoch that another one has followed says nothing of the new owners.
            guard let leave = shards[number]?.leave, leave.epoch == epoch else { continue }
            update(number) { $0.leave?.confirmed.insert(name) }
            if leave.confirmed.union([name]).isSuperset(of: leave.owners) {
                remove(number)
                actions.append(.report(.handedOver(shard: number, epoch: epoch)))
            }
        }
    }
}
