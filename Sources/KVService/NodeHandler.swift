import KVCore
import KVSharding
import KVStorage
package import KVWire

/// Answers the requests that one thread reads, in batches.
///
/// A lookup is two dependent cache misses, so a batch goes through three stages, each of which loads what the next one needs:
/// decode and find the stripe, find the slot and the record, execute. Nothing is allocated or counted on that way.
package final class NodeHandler: RequestHandler {
    let node: Node
    let index: Int
    let writer = ResponseWriter()
    var stamper: VersionStamper
    var sweeper = Sweeper()
    /// Milliseconds since 1970.
    var sweepDueAt: UInt64 = 0

    /// Of the batch that is being answered.
    private(set) var moment = ClusterClock.Moment(now: 0, wall: 0)
    private let decoder = RequestDecoder()
    private let passages: Quiescence.Passages
    private let staged = StagedBatch(capacity: ServerConnection.batchLimit)
    private let coldMethods = ColdMethod.table()
    /// Every write is stamped here (`ReplicationCoordinator.Ablation.versions`).
    let ignoresVersions: Bool

    init(node: Node, index: Int) {
        self.node = node
        self.index = index
        passages = node.quiescence.makePassages()
        ignoresVersions = node.policy.ablations.contains(.versions)
        stamper = VersionStamper(writer: Self.mixed(node.incarnation &+ UInt64(index)))
    }

    deinit { staged.deallocate() }

    package func beginPass() { writer.load = 0 }

    package func handle(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        outputLimit: Int,
        output: OutputBuffer
    ) -> Int {
        moment = node.clock.moment(now)
        let now = moment.now
        passages.begin()
        defer { passages.end() }
        let count = load(requests)
        var answered = 0
        repeat {
            answer(answered, requests[answered], now: now, output: output)
            answered += 1
        } while answered < count && output.count < outputLimit
        return answered
    }

    package func handleEach(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        output: OutputBuffer,
        answered: (Int) -> Void
    ) {
        moment = node.clock.moment(now)
        let now = moment.now
        passages.begin()
        defer { passages.end() }
        var first = 0
        while first < requests.count {
            let count = load(UnsafeBufferPointer(rebasing: requests[first...]))
            for index in 0..<count {
                answer(index, requests[first + index], now: now, output: output)
                answered(first + index)
            }
            first += count
        }
    }

    package func hello(now: UInt64) -> Hello {
        Hello(
            serverTimeMilliseconds: node.clock.moment(now).now,
            limits: node.limits,
            node: node.name,
            serverVersion: node.serverVersion,
            mapEpoch: node.mapEpoch
        )
    }

    /// Runs `body` where no store that it finds in the table is released.
    func withStores<Result>(_ body: () -> Result) -> Result {
        passages.begin()
        defer { passages.end() }
        return body()
    }

    /// The first two stages of as many requests as the decoder takes; returns their number.
    private func load(_ requests: UnsafeBufferPointer<RequestFrame>) -> Int {
        let count = stage(requests)
        // In a batch of one nothing is there to do meanwhile.
        if count > 1 { prefetch(count) }
        return count
    }

    // MARK: Stage 1

    /// Decodes requests until the decoder is full, and returns how many: at least one.
    private func stage(_ requests: UnsafeBufferPointer<RequestFrame>) -> Int {
        decoder.reset(firstPayloadBytes: requests[0].payload.count)
        let limit = min(requests.count, ServerConnection.batchLimit)
        for index in 0..<limit {
            stage(requests[index], at: index)
            if staged.kinds[index] == .refused && decoder.isFull && index > 0 { return index }
        }
        return limit
    }

    private func stage(_ request: RequestFrame, at index: Int) {
        switch request.method {
        case .get:
            guard decoder.get(request.payload, into: staged.gets + index) else {
                return staged.refuse(at: index, .malformed)
            }
            locate(staged.gets[index].key, .get, at: index)
        case .set:
            stage(isDecoded: decoder.set(request.payload, into: staged.mutations + index), at: index)
        case .delete:
            stage(isDecoded: decoder.delete(request.payload, into: staged.mutations + index), at: index)
        default:
            staged.kinds[index] = .cold
        }
    }

    private func stage(isDecoded: Bool, at index: Int) {
        guard isDecoded else { return staged.refuse(at: index, .malformed) }
        let mutation = staged.mutations + index
        if mutation.pointee.value.count > node.limits.maxValueBytes {
            return staged.refuse(at: index, .longValue(bytes: mutation.pointee.value.count))
        }
        if mutation.pointee.ttlMilliseconds < 0 {
            return staged.refuse(at: index, .negativeTimeToLive(milliseconds: mutation.pointee.ttlMilliseconds))
        }
        locate(mutation.pointee.key, .mutation, at: index)
    }

    /// Checks the key and finds where it lives.
    private func locate(_ key: UnsafeRawBufferPointer, _ kind: StagedBatch.Kind, at index: Int) {
        if key.isEmpty { return staged.refuse(at: index, .emptyKey) }
        if key.count > node.limits.maxKeyBytes { return staged.refuse(at: index, .longKey(bytes: key.count)) }
        let target = staged.targets + index
        if let refusal = locate(key, target) { return staged.refuse(at: index, refusal) }
        target.pointee.stripe.prefetch()
        staged.kinds[index] = kind
    }

    /// Finds a key's stripe.
    @inline(__always)
    func locate(_ key: UnsafeRawBufferPointer, _ target: UnsafeMutablePointer<Target>) -> Refusal? {
        let routingHash = RoutingHash.fnv1(key)
        let shard = Int(routingHash % UInt32(truncatingIfNeeded: node.shardCount)) + 1
        let word = node.table[shard]
        guard let store = word.store else { return .notHosted(shard: shard) }
        let hash = node.pool.hash(key)
        let stripe = store._withUnsafeGuaranteedRef { $0.stripe(hash) }
        target.initialize(
            to: Target(
                shard: shard,
                hash: hash,
                routingHash: routingHash,
                store: word.storeAddress,
                stripe: stripe
            )
        )
        return nil
    }

    // MARK: Stage 2

    private func prefetch(_ count: Int) {
        for index in 0..<count where staged.hasTarget(at: index) {
            let target = staged.targets + index
            target.pointee.stripe.lock()
            target.pointee.stripe.prefetchSlot(target.pointee.hash)
            target.pointee.stripe.unlock()
        }
        for index in 0..<count where staged.hasTarget(at: index) {
            let target = staged.targets + index
            target.pointee.stripe.lock()
            target.pointee.stripe.prefetchRecord(target.pointee.hash)
            target.pointee.stripe.unlock()
            if staged.kinds[index] == .mutation {
                let deadline = staged.mutations[index].expiresAt
                target.pointee.stripe.prefetchDigest(target.pointee.routingHash, deadline: deadline)
            }
        }
    }

    // MARK: Stage 3

    private func answer(_ index: Int, _ request: RequestFrame, now: UInt64, output: OutputBuffer) {
        let refusal: Refusal?
        switch staged.kinds[index] {
        case .get:
            let (get, target) = (staged.gets + index, staged.targets + index)
            refusal = answer(get, at: target, request.requestID, now: now, output: output)
        case .mutation:
            let (mutation, target) = (staged.mutations + index, staged.targets + index)
            refusal = answer(mutation, at: target, request.requestID, now: now, output: output)
        case .cold:
            refusal = answerCold(request, now: now, output: output)
        case .refused:
            refusal = staged.refusals[index]
        }
        guard let refusal else { return }
        writer.error(request.requestID, refusal.error(method: request.method, node: node, now: now), to: output)
    }

    private func answerCold(_ request: RequestFrame, now: UInt64, output: OutputBuffer) -> Refusal? {
        guard let method = coldMethods[request.method] else { return .unknownMethod }
        do throws(RPCError) {
            try method.answer(self, request, now, output)
        } catch {
            writer.error(request.requestID, error, to: output)
        }
        return nil
    }

    private static func mixed(_ number: UInt64) -> UInt64 {
        var word = number &* 0x9E37_79B9_7F4A_7C15
        word = (word ^ (word >> 32)) &* 0xD6E8_FEB8_6659_FD93
        return word ^ (word >> 32)
    }
}
