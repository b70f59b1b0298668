import KVSharding
import KVWire

/// Asking other nodes what they hold: one Prepare for each node, for all shards at once.
extension HandoverCoordinator {
    private static let prepareTimeoutMilliseconds: UInt32 = 500
    private static let refusedPauseMilliseconds: UInt64 = 100
    /// Where only shards that serve already wait for the answer.
    private static let latePauseMilliseconds: UInt64 = 1000

    mutating func ask(now: UInt64) {
        guard let map, !active.isEmpty else { return }
        var wanted: [String: [Int]] = [:]
        for number in active.sorted() {
            guard let shard = shards[number] else { continue }
            for name in shard.join?.unheard ?? [] { wanted[name, default: []].append(number) }
            for (name, inquiry) in shard.inquiries where inquiry.answer == nil {
                wanted[name, default: []].append(number)
            }
        }
        for (name, numbers) in wanted.sorted(by: { $0.key < $1.key }) {
            let peer = peers[name, default: Peer()]
            if peer.prepare != nil || peer.askAt > now { continue }
            let request = PrepareRequest(
                node: node,
                epoch: epoch,
                shards: numbers.map { ShardMembers(shard: $0, members: map.members(of: $0)) },
                mapFingerprint: mark.fingerprint
            )
            let token = makeToken(.prepare(node: name, epoch: epoch, shards: numbers))
            peers[name, default: Peer()].prepare = token
            actions.append(
                .sendPrepare(token, to: name, request, timeoutMilliseconds: Self.prepareTimeoutMilliseconds)
            )
        }
    }

    mutating func prepareReply(_ token: UInt64, _ result: Result<PrepareResponse, RPCError>, now: UInt64) {
        guard case .prepare(let name, let askedAt, let numbers)? = calls.removeValue(forKey: token) else { return }
        peers[name]?.prepare = nil
        switch result {
        case .success(let response):
            peers[name]?.refusals = 0
            adopt(response.map, now: now)
            let asked = Set(numbers)
            for holding in response.holdings where asked.contains(holding.shard) {
                heard(name, Join.Answer(holding: holding, askedAt: askedAt, epoch: response.map.epoch), now: now)
            }
        case .failure(let error):
            let isUrgent = numbers.contains { shards[$0]?.join != nil }
            let isRefused = error.code == .unavailable
            if isRefused { peers[name]?.refusals += 1 }
            peers[name]?.askAt =
                now
                + (isUrgent ? isRefused ? Self.refusedPauseMilliseconds : 0 : Self.latePauseMilliseconds)
            for number in numbers { evaluate(number, now: now) }
        }
        ask(now: now)
    }

    private mutating func heard(_ name: String, _ answer: Join.Answer, now: UInt64) {
        let number = answer.holding.shard
        update(number) { shard in
            if let join = shard.join, answer.askedAt >= join.epoch, join.others.contains(name) {
                shard.join?.answers[name] = answer
            }
            if shard.inquiries[name] != nil { shard.inquiries[name]?.answer = answer }
        }
        if shards[number]?.join != nil && answer.holding.hasData { redirectToSources(number) }
        evaluate(number, now: now)
    }
}
