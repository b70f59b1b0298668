package import KVSharding
import KVStorage
package import KVWire
import Synchronization

/// The node's side of replication: does at once what concerns the node, and keeps for the driver what concerns others.
///
/// Decisions are carried out one at a time, in their order, under one lock, by the thread that brings the input: when a seal is
/// answered, the writes that it stops have stopped.
extension Node {
    struct Replication {
        var coordinator: ReplicationCoordinator
        var pulls: [UInt64: Pull] = [:]
        /// The pull that waits for the call with a token; all other tokens are the coordinator's.
        var pullTokens: [UInt64: UInt64] = [:]
        var pacer: CopyPacer
        var lastPullToken: UInt64 = Replication.firstPullToken
        var calls: [PeerCall] = []
        /// Wakes whoever takes the calls.
        var wakeUp: (@Sendable () -> Void)?

        /// Tokens from here on are not the coordinator's.
        static let firstPullToken: UInt64 = 1 << 63
    }

    /// What a step brings about beyond the node's own state.
    private struct Outcome {
        var exchanged: ExchangeResponse?
        var activated: ActivateResponse?
        var compared: CompareResponse?
        var proceeds = false
        var events: [ReplicationEvent] = []
        var wakeUp: (@Sendable () -> Void)?
    }

    // MARK: For the roof. `now` is this node's own clock.

    /// Puts a valid map in force; one that is not newer is ignored and reported.
    package func mapChanged(_ map: ShardMap, epoch: UInt64, now: UInt64) {
        precondition(map.numShards == shardCount, "the number of shards never changes")
        step(.mapChanged(map, epoch: epoch), at: clock.moment(now))
    }

    /// Lets time pass; expected about every 100 ms.
    package func tick(now: UInt64) { step(.tick, at: clock.moment(now)) }

    /// The epoch of the map in force, 0 before the first.
    package var mapEpoch: UInt64 { epoch.load(ordering: .relaxed) }

    /// The map in force; nil before the first.
    package var map: ShardMap? { replication.withLock { $0.coordinator.map } }

    /// Records are here that new owners still need.
    package var isHandoverPending: Bool { replication.withLock { $0.coordinator.isHandoverPending } }

    /// The node is shutting down: says so in its status. Wait while `isHandoverPending`, as long as that is worth it.
    package func beginDraining() { condition.withLock { $0.isDraining = true } }

    /// Why the newest map was refused, for the status; empty = it is in force.
    package func setMapError(_ message: String) { condition.withLock { $0.mapError = message } }

    // MARK: For the driver. `now` is this node's own clock.

    /// The calls wanted since the last time.
    package func takeCalls() -> [PeerCall] {
        replication.withLock { replication in
            defer { replication.calls = [] }
            return replication.calls
        }
    }

    /// - Parameter wakeUp: called when there are calls to take, by any thread; nil = they wait.
    package func onCalls(_ wakeUp: (@Sendable () -> Void)?) {
        replication.withLock { $0.wakeUp = wakeUp }
        wakeUp?()
    }

    /// Takes in what became of a call. Records are merged on the calling thread.
    package func replied(_ token: UInt64, _ result: Result<PeerResponse, RPCError>, now: UInt64) {
        if case .success(let response) = result, let sender = response.sender { clock.observe(sender, wall: now) }
        let moment = clock.moment(now)
        if token < Replication.firstPullToken {
            step(.replied(token, result), at: moment)
        } else {
            pullReplied(token, result, at: moment)
        }
    }

    // MARK: For the handlers

    func exchange(_ request: ExchangeRequest, at moment: ClusterClock.Moment) -> ExchangeResponse {
        clock.observe(request.sender, wall: moment.wall)
        return step(.exchange(request), at: moment).exchanged ?? ExchangeResponse(sender: request.sender, replicas: [])
    }

    func activate(_ request: ActivateRequest, at moment: ClusterClock.Moment) -> ActivateResponse {
        clock.observe(request.sender, wall: moment.wall)
        return step(.activate(request), at: moment).activated ?? ActivateResponse(sender: request.sender, entries: [])
    }

    func compare(_ request: CompareRequest, at moment: ClusterClock.Moment) -> CompareResponse {
        clock.observe(request.sender, wall: moment.wall)
        var response =
            step(.compare(request), at: moment).compared ?? CompareResponse(sender: request.sender, entries: [])
        for (index, entry) in request.entries.enumerated() where index < response.entries.count {
            guard response.entries[index].epoch == entry.epoch else { continue }
            response.entries[index].isEqual = digest(of: entry.shard, cutoff: request.sender.clock) == entry.digest
        }
        return response
    }

    /// What this node knows of a shard's owners, after a client has told what it knows.
    func exchangeView(_ view: View, at moment: ClusterClock.Moment) throws(RPCError) -> View {
        guard isShard(view.shard) else {
            throw Refusal.notHosted(shard: view.shard).error(method: .exchangeView, node: self, now: moment.now)
        }
        let own = redirect(of: view.shard)
        if own.map({ $0.isBehind(view) }) ?? true { step(.inquire(shard: view.shard, epoch: view.epoch), at: moment) }
        return redirect(of: view.shard) ?? View(shard: view.shard, epoch: 0, members: [])
    }

    func proceed(_ request: ProceedRequest, at moment: ClusterClock.Moment) -> ProceedResponse {
        ProceedResponse(proceeds: step(.proceed(shard: request.shard), at: moment).proceeds)
    }

    // MARK: Steps

    @discardableResult
    private func step(_ input: ReplicationInput, at moment: ClusterClock.Moment) -> Outcome {
        let outcome = replication.withLock { replication in
            var outcome = Outcome()
            for action in replication.coordinator.step(input, now: moment.now, wall: moment.wall) {
                perform(action, &replication, &outcome, now: moment.now)
            }
            epoch.store(replication.coordinator.epoch, ordering: .relaxed)
            if !replication.calls.isEmpty { outcome.wakeUp = replication.wakeUp }
            return outcome
        }
        outcome.wakeUp?()
        for event in outcome.events { report(event) }
        return outcome
    }

    private func perform(
        _ action: ReplicationAction,
        _ replication: inout Replication,
        _ outcome: inout Outcome,
        now: UInt64
    ) {
        switch action {
        case .host(let shard): host(shard)
        case .clear(let shard): clear(shard)
        case .drop(let shard): drop(shard)
        case .publish(let shard, let publication): publish(shard, publication)
        case .answerExchange(var response):
            for index in response.replicas.indices { fill(&response.replicas[index]) }
            outcome.exchanged = response
        case .answerActivate(let response): outcome.activated = response
        case .answerCompare(let response): outcome.compared = response
        case .answerProceed(let proceeds): outcome.proceeds = proceeds
        case .report(let event): outcome.events.append(event)
        case .send(var call):
            fill(&call.request)
            replication.calls.append(call)
        case .startPull(var pull):
            let request = pull.request(now: now)
            replication.pulls[pull.identifier] = pull
            ask(request, of: pull, afterMilliseconds: 0, &replication)
        case .stopPull(let identifier): replication.pulls[identifier] = nil
        }
    }

    /// What only the stores know.
    private func fill(_ request: inout PeerRequest) {
        switch request {
        case .exchange(var exchange):
            for index in exchange.entries.indices { fill(&exchange.entries[index].replica) }
            request = .exchange(exchange)
        case .compare(var compare):
            for index in compare.entries.indices {
                let store = table[compare.entries[index].shard].store?.takeUnretainedValue()
                compare.entries[index].digest = store?.root(cutoff: compare.sender.clock) ?? 0
            }
            request = .compare(compare)
        case .activate, .digests, .versions, .records, .contents, .changes: break
        }
    }

    private func fill(_ status: inout ReplicaStatus) {
        guard let statistics = table[status.shard].store?.takeUnretainedValue().statistics else { return }
        status.hasData = statistics.liveCount + statistics.markerCount > 0
        status.keys = UInt64(statistics.liveCount)
        status.bytes = UInt64(statistics.liveBytes)
    }

    // MARK: Pulls

    private static let pullTimeoutMilliseconds: UInt32 = 2000

    private func ask(
        _ request: PeerRequest,
        of pull: Pull,
        afterMilliseconds delay: UInt64,
        _ replication: inout Replication
    ) {
        replication.lastPullToken += 1
        replication.pullTokens[replication.lastPullToken] = pull.identifier
        replication.calls.append(
            PeerCall(
                token: replication.lastPullToken,
                node: pull.source,
                request: request,
                delayMilliseconds: delay,
                timeoutMilliseconds: Self.pullTimeoutMilliseconds
            )
        )
    }

    private func pullReplied(_ token: UInt64, _ result: Result<PeerResponse, RPCError>, at moment: ClusterClock.Moment)
    {
        let found = replication.withLock { replication -> (Pull, ShardStore)? in
            guard let identifier = replication.pullTokens.removeValue(forKey: token),
                let pull = replication.pulls[identifier],
                let store = table[pull.shard].store?.takeUnretainedValue()
            else { return nil }
            // Pinned while no store can leave the table: the merge goes on without the lock.
            quiescence.pin(store)
            return (pull, store)
        }
        guard case (var pull, let store)? = found else { return }
        let merged = pull.mergedRecords
        let response = try? result.get()
        let bytes = response.map { $0.records.reduce(0) { $0 + $1.key.count + $1.value.count } } ?? 0
        let cost = pull.cost(ofBytes: bytes)
        let next = pull.receive(result, into: PulledStore(store: store, pool: pool), now: moment.now)
        quiescence.unpin(store)
        let records = pull.mergedRecords - merged
        switch next {
        case .ask(let request, let delay):
            let wakeUp = replication.withLock { replication -> (@Sendable () -> Void)? in
                guard replication.pulls[pull.identifier] != nil else { return nil }
                let pause = max(delay, replication.pacer.pause(after: cost, now: moment.now))
                pull.postpone(by: pause)
                replication.pulls[pull.identifier] = pull
                ask(request, of: pull, afterMilliseconds: pause, &replication)
                return replication.wakeUp
            }
            wakeUp?()
            step(.pullProgressed(pull.identifier, records: records, bytes: bytes), at: moment)
        case .finished(let achievement):
            replication.withLock { $0.pulls[pull.identifier] = nil }
            step(.pullProgressed(pull.identifier, records: records, bytes: bytes), at: moment)
            step(.pullEnded(pull.identifier, .success(achievement)), at: moment)
        case .failed(let error):
            replication.withLock { $0.pulls[pull.identifier] = nil }
            step(.pullEnded(pull.identifier, .failure(error)), at: moment)
        }
    }

    /// A hash of what a shard holds at a moment; 0 = nothing.
    package func digest(of shard: Int, cutoff: UInt64) -> UInt64 {
        hosted(shard)?.store.root(cutoff: cutoff) ?? 0
    }
}

extension ShardStore {
    /// A hash of all live records, but for those that expire near `cutoff`.
    func root(cutoff: UInt64) -> UInt64 { Self.root(of: digests(leavingOutNear: cutoff)) }

    /// - Parameter cutoff: milliseconds since 1970; 0 = nothing is left out.
    func digests(leavingOutNear cutoff: UInt64) -> [UInt64] {
        cutoff == 0 ? allDigests : digests(cutoff: cutoff, skewMilliseconds: PulledStore.skewMilliseconds)
    }
}

extension View {
    /// The other one has a higher epoch, or knows that a member has started anew since.
    fileprivate func isBehind(_ other: View) -> Bool {
        if epoch != other.epoch { return epoch < other.epoch }
        return other.members.contains { member in
            members.contains { $0.node == member.node && $0.incarnation < member.incarnation }
        }
    }
}

extension PeerResponse {
    /// Who answered, where it says.
    fileprivate var sender: Sender? {
        switch self {
        case .exchange(let response): response.sender
        case .activate(let response): response.sender
        case .compare(let response): response.sender
        case .digests, .contents, .changes: nil
        }
    }
}
