import KVCore
package import KVSharding
import KVStorage
package import KVWire
import Synchronization

/// A call to another node that the handover wants, with the token that names it in the input that reports its outcome.
package enum HandoverCall: Sendable {
    case prepare(UInt64, to: String, PrepareRequest, timeoutMilliseconds: UInt32)
    case offer(UInt64, to: String, OfferRequest, timeoutMilliseconds: UInt32)
    case page(UInt64, from: String, GetShardContentsRequest, timeoutMilliseconds: UInt32)
}

/// The node's side of the handover: does at once what concerns the node, and keeps for the driver what concerns others.
///
/// Decisions are carried out one at a time, in their order, under one lock, by the thread that brings the input: when a
/// Prepare is answered, the writes that it stops have stopped.
extension Node {
    struct Handover {
        var coordinator: HandoverCoordinator
        var calls: [HandoverCall] = []
        /// Wakes whoever takes the calls.
        var wakeUp: (@Sendable () -> Void)?
    }

    /// What a step brings about beyond the node's own state.
    private struct Outcome {
        var prepared: PrepareResponse?
        var offered: OfferResponse?
        /// Pinned.
        var mergeInto: ShardStore?
        var events: [HandoverEvent] = []
        var wakeUp: (@Sendable () -> Void)?
    }

    // MARK: For the roof

    /// Puts a valid map in force; one that is not newer is ignored and reported.
    package func mapChanged(_ map: ShardMap, epoch: UInt64, now: UInt64) {
        precondition(map.numShards == shardCount, "the number of shards never changes")
        step(.mapChanged(map, epoch: epoch), now: now)
    }

    /// Lets time pass; expected about every 100 ms.
    package func tick(now: UInt64) { step(.tick, now: now) }

    /// The epoch of the map in force, 0 before the first.
    package var mapEpoch: UInt64 { epoch.load(ordering: .relaxed) }

    /// Shards are leaving, whose new owners have not all confirmed.
    package var isHandoverPending: Bool { handover.withLock { $0.coordinator.isHandoverPending } }

    /// The node is shutting down: says so in its status. Wait while `isHandoverPending`, as long as that is worth it.
    package func beginDraining() { condition.withLock { $0.isDraining = true } }

    /// Why the newest map was refused, for the status; empty = it is in force.
    package func setMapError(_ message: String) { condition.withLock { $0.mapError = message } }

    // MARK: For the driver

    /// The calls wanted since the last time.
    package func takeCalls() -> [HandoverCall] {
        handover.withLock { handover in
            defer { handover.calls = [] }
            return handover.calls
        }
    }

    /// - Parameter wakeUp: called when there are calls to take, by any thread.
    package func onCalls(_ wakeUp: @escaping @Sendable () -> Void) {
        handover.withLock { $0.wakeUp = wakeUp }
        wakeUp()
    }

    package func prepareReply(_ token: UInt64, _ result: Result<PrepareResponse, RPCError>, now: UInt64) {
        step(.prepareReply(token, result), now: now)
    }

    package func offerReply(_ token: UInt64, _ result: Result<OfferResponse, RPCError>, now: UInt64) {
        step(.offerReply(token, result), now: now)
    }

    /// Takes in a page, or why there is none. Merges it on the calling thread; the call for the next page is made first.
    package func pageReply(_ token: UInt64, _ result: Result<GetShardContentsResponse, RPCError>, now: UInt64) {
        let summary = result.map { page in
            PageSummary(
                records: page.values.count,
                bytes: page.values.reduce(0) { $0 + $1.key.count + $1.value.count },
                nextPageToken: page.nextPageToken
            )
        }
        guard let store = step(.pageReply(token, summary), now: now).mergeInto else { return }
        defer { quiescence.unpin(store) }
        guard case .success(let page) = result else { return }
        step(.pageMerged(token, merge(page, into: store, now: now)), now: now)
    }

    // MARK: For the handlers

    func prepare(_ request: PrepareRequest, now: UInt64) -> PrepareResponse {
        step(.prepare(request), now: now).prepared ?? PrepareResponse(holdings: [], map: MapMark(epoch: mapEpoch))
    }

    func offer(_ request: OfferRequest, now: UInt64) -> OfferResponse {
        step(.offer(request), now: now).offered ?? OfferResponse(confirmed: [], map: MapMark(epoch: mapEpoch))
    }

    // MARK: Steps

    @discardableResult
    private func step(_ input: HandoverInput, now: UInt64) -> Outcome {
        let outcome = handover.withLock { handover in
            var outcome = Outcome()
            for action in handover.coordinator.step(input, now: now) {
                perform(action, &handover.calls, &outcome)
            }
            epoch.store(handover.coordinator.epoch, ordering: .relaxed)
            if case .mapChanged = input, let map = handover.coordinator.map { setRedirects(by: map) }
            if !handover.calls.isEmpty { outcome.wakeUp = handover.wakeUp }
            return outcome
        }
        outcome.wakeUp?()
        for event in outcome.events { report(event) }
        return outcome
    }

    private func perform(_ action: HandoverAction, _ calls: inout [HandoverCall], _ outcome: inout Outcome) {
        switch action {
        case .host(let shard): host(shard, .joining)
        case .setState(let shard, let state): setState(of: shard, state)
        case .clear(let shard): clear(shard)
        case .drop(let shard): drop(shard)
        case .redirect(let shard, let view): setRedirect(of: shard, view)
        case .answerPrepare(var response):
            for index in response.holdings.indices {
                response.holdings[index].hasData = hasData(response.holdings[index].shard)
            }
            outcome.prepared = response
        case .answerOffer(let response): outcome.offered = response
        case .report(let event): outcome.events.append(event)
        case .sendPrepare(let token, let name, let request, let timeout):
            calls.append(.prepare(token, to: name, request, timeoutMilliseconds: timeout))
        case .sendOffer(let token, let name, let request, let timeout):
            calls.append(.offer(token, to: name, request, timeoutMilliseconds: timeout))
        case .fetchPage(let token, let name, let request, let timeout):
            calls.append(.page(token, from: name, request, timeoutMilliseconds: timeout))
        case .mergePage(_, let shard):
            // Pinned while no store can leave the table: the merge goes on without the lock.
            outcome.mergeInto = table[shard].store?.takeUnretainedValue()
            if let store = outcome.mergeInto { quiescence.pin(store) }
        }
    }

    private func hasData(_ shard: Int) -> Bool {
        guard let statistics = table[shard].store?.takeUnretainedValue().statistics else { return false }
        return statistics.liveCount + statistics.markerCount > 0
    }

    /// Merges records of another node's copy: the greatest version of each key stays.
    private func merge(
        _ page: GetShardContentsResponse,
        into store: ShardStore,
        now: UInt64
    ) -> Result<Void, RPCError> {
        for record in page.values {
            let outcome = record.key.withUnsafeBytes { key in
                record.value.withUnsafeBytes { value in
                    let hash = pool.hash(key)
                    let stripe = store.stripe(hash)
                    stripe.lock()
                    defer { stripe.unlock() }
                    return stripe.merge(
                        key: key,
                        hash: hash,
                        routingHash: RoutingHash.fnv1(key),
                        value: value,
                        version: record.version,
                        expiresAt: record.expiresAt,
                        kind: record.kind,
                        now: now
                    )
                }
            }
            if outcome == .outOfMemory {
                return .failure(Refusal.memoryFull.error(method: .getShardContents, node: self, now: now))
            }
        }
        return .success(())
    }
}
