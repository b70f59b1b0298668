import KVCore
import KVSharding
import KVWire

/// Telling other nodes what is known of shards, and hearing the same from them: one Exchange for each node at a time, for all
/// shards at once.
extension ReplicationCoordinator {
    private static let exchangeTimeoutMilliseconds: UInt32 = 500
    private static let activateTimeoutMilliseconds: UInt32 = 500
    /// Between two exchanges with a node while something is to be learned from it.
    private static let pauseMilliseconds: UInt64 = 200
    private static let refusedPauseMilliseconds: UInt64 = 100

    // MARK: Asking

    mutating func sendExchanges() {
        var wanted: [String: Set<Int>] = [:]
        for shard in active {
            guard let replica = replicas[shard] else { continue }
            for name in replica.transition?.others ?? [] { wanted[name, default: []].insert(shard) }
            if replica.isLeaving { for name in replica.target.members { wanted[name, default: []].insert(shard) } }
        }
        for (shard, names) in curious { for name in names { wanted[name, default: []].insert(shard) } }
        for (name, shards) in wanted.sorted(by: { $0.key < $1.key }) where name != node {
            let peer = peers[name, default: Peer()]
            // What is urgent does not wait, but for a process that is not there.
            let mustWait = peer.askAt > now && (!peer.isUrgent || peer.refusals > 0)
            if peer.exchange != nil || mustWait { continue }
            let shards = shards.sorted()
            for shard in shards {
                curious[shard]?.remove(name)
                if curious[shard]?.isEmpty == true { curious[shard] = nil }
            }
            let entries = shards.map { shard in
                let replica = replica(shard)
                return ExchangeRequest.Entry(
                    replica: replica.status(for: name, content: ContentSummary()),
                    seals: replica.transition?.isSealing ?? false
                )
            }
            let token = makeToken(.exchange(node: name, shards: shards))
            peers[name, default: Peer()].exchange = token
            peers[name]?.isUrgent = false
            let request = ExchangeRequest(sender: sender, entries: entries)
            send(token, to: name, .exchange(request), Self.exchangeTimeoutMilliseconds)
        }
    }

    mutating func exchanged(with name: String, _ shards: [Int], _ result: Result<PeerResponse, RPCError>) {
        peers[name]?.exchange = nil
        switch result {
        case .success(.exchange(let response)):
            peers[name]?.refusals = 0
            peers[name]?.askAt = now + Self.pauseMilliseconds
            if peers[name]?.isUrgent == true { isHurried = true }
            adopt(response.sender.map)
            let asked = Set(shards)
            for status in response.replicas where asked.contains(status.shard) {
                hear(status, from: name)
                note(status.shard) { [now] replica in
                    let answer = Transition.Answer(status: status, heardAt: now)
                    if replica.transition != nil { replica.transition?.answers[name] = answer }
                }
                evaluate(status.shard)
            }
        case .success: break
        case .failure(let error):
            let isRefused = error.reason == .refused
            let refusals = isRefused ? (peers[name]?.refusals ?? 0) + 1 : 0
            peers[name]?.refusals = refusals
            peers[name]?.askAt = now + (isRefused ? Self.refusedPauseMilliseconds : 0)
            for shard in shards { evaluate(shard) }
        }
    }

    /// Everything that a status tells, whether it came as a question or as an answer.
    private mutating func hear(_ status: ReplicaStatus, from name: String) {
        change(status.shard) { $0.learn(status, from: name) }
        startAnewIfForgotten(status.shard)
        coverLate(status, from: name)
    }

    // MARK: Answering

    mutating func exchange(_ request: ExchangeRequest) {
        adopt(request.sender.map)
        let name = request.sender.node
        var statuses: [ReplicaStatus] = []
        for entry in request.entries where isShard(entry.replica.shard) && name != node {
            let shard = entry.replica.shard
            hear(entry.replica, from: name)
            if entry.replica.target.contains(name), replica(shard).configuration != entry.replica.target {
                note(shard) { [now] in $0.joinerSeenAt = now }
            }
            if entry.seals { seal(shard, for: entry.replica.target) }
            note(shard) { [now] replica in
                // A question tells as much as an answer, but not that the node was asked to stop before it spoke.
                if replica.transition?.isSealing == false {
                    let answer = Transition.Answer(status: entry.replica, heardAt: now)
                    replica.transition?.answers[name] = answer
                }
            }
            evaluate(shard)
            statuses.append(replica(shard).status(for: name, content: ContentSummary()))
        }
        actions.append(.answerExchange(ExchangeResponse(sender: sender, replicas: statuses)))
    }

    /// Rule 11.
    mutating func seal(_ shard: Int, for target: Configuration) {
        let wasServing = replica(shard).isServing
        change(shard) { _ = $0.seal(for: target) }
        if wasServing && !replica(shard).isServing {
            actions.append(.report(.sealed(shard: shard, epoch: target.epoch)))
        }
    }

    func isShard(_ number: Int) -> Bool { number >= 1 && number <= map?.numShards ?? 0 }

    mutating func inquire(_ shard: Int, _ epoch: UInt64) {
        guard isShard(shard) else { return }
        change(shard) { $0.shownEpoch = max($0.shownEpoch, epoch) }
        evaluate(shard)
        announce(shard, to: allPeers)
    }

    // MARK: Activations

    /// Rule 12 and 13: one Activate for each node that has to record some.
    mutating func sendActivations() {
        var wanted: [String: [ActivateRequest.Entry]] = [:]
        for shard in active.sorted() {
            guard let transition = replicas[shard]?.transition, let merge = transition.activation else { continue }
            for name in merge.recorders.keys where name != node && transition.recorded[name] != merge.recorders[name] {
                wanted[name, default: []].append(
                    ActivateRequest.Entry(shard: shard, configuration: merge.configuration)
                )
            }
        }
        for (name, entries) in wanted.sorted(by: { $0.key < $1.key }) {
            if peers[name, default: Peer()].activate != nil { continue }
            let token = makeToken(.activate(node: name, shards: entries.map(\.shard)))
            peers[name]?.activate = token
            let request = ActivateRequest(sender: sender, entries: entries)
            send(token, to: name, .activate(request), Self.activateTimeoutMilliseconds)
        }
    }

    mutating func activated(at name: String, _ shards: [Int], _ result: Result<PeerResponse, RPCError>) {
        peers[name]?.activate = nil
        guard case .success(.activate(let response)) = result else {
            // It may be gone: its answers count no longer.
            for shard in shards {
                note(shard) { $0.transition?.answers[name] = nil }
                evaluate(shard)
            }
            return
        }
        let asked = Set(shards)
        for entry in response.entries where asked.contains(entry.shard) {
            if entry.isRecorded {
                note(entry.shard) { $0.transition?.recorded[name] = entry.incarnation }
            } else {
                change(entry.shard) { $0.raise(target: entry.highest) }
            }
            evaluate(entry.shard)
        }
    }

    mutating func activate(_ request: ActivateRequest) {
        adopt(request.sender.map)
        var entries: [ActivateResponse.Entry] = []
        for entry in request.entries where isShard(entry.shard) {
            let replica = replica(entry.shard)
            let isRecorded =
                !replica.isRecovering && replica.promised <= entry.configuration
                && replica.configuration <= entry.configuration
            if isRecorded { change(entry.shard) { $0.note(activated: entry.configuration) } }
            entries.append(
                ActivateResponse.Entry(
                    shard: entry.shard,
                    isRecorded: isRecorded,
                    incarnation: self.replica(entry.shard).incarnation,
                    highest: max(replica.promised, replica.configuration)
                )
            )
        }
        actions.append(.answerActivate(ActivateResponse(sender: sender, entries: entries)))
    }

    mutating func send(_ token: UInt64, to name: String, _ request: PeerRequest, _ timeoutMilliseconds: UInt32) {
        actions.append(
            .send(
                PeerCall(
                    token: token,
                    node: name,
                    request: request,
                    delayMilliseconds: 0,
                    timeoutMilliseconds: timeoutMilliseconds
                )
            )
        )
    }
}
