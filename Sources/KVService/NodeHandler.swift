import KVCore
import KVSharding
import KVStorage
package import KVWire

/// Answers the requests that one thread reads, in batches.
///
/// A lookup is two dependent cache misses, so a batch goes through three stages, each of which loads what the next one needs:
/// decode and find the table, find the record, execute. Nothing is allocated or counted on that way.
package final class NodeHandler: RequestHandler {
    let node: Node
    let index: Int
    let writer = ResponseWriter()
    var stamper: VersionStamper
    var sweeper = Sweeper()
    /// Milliseconds since 1970.
    var sweepDueAt: UInt64 = 0

    private let decoder = RequestDecoder()
    private let passages: Quiescence.Passages
    private let staged: UnsafeMutablePointer<StagedRequest>
    private let coldMethods = ColdMethod.table()

    init(node: Node, index: Int) {
        self.node = node
        self.index = index
        passages = node.quiescence.makePassages()
        stamper = VersionStamper(writer: Self.mixed(node.incarnation &+ UInt64(index)))
        staged = .allocate(capacity: ServerConnection.batchLimit)
    }

    deinit { staged.deallocate() }

    package func handle(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        outputLimit: Int,
        output: OutputBuffer
    ) -> Int {
        passages.begin()
        defer { passages.end() }
        let count = stage(requests)
        for index in 0..<count {
            guard let target = staged[index].target else { continue }
            target.stripe.lock()
            target.stripe.prefetchRecord(target.hash)
            target.stripe.unlock()
        }
        var answered = 0
        repeat {
            writer.load = UInt16(truncatingIfNeeded: requests.count - answered - 1)
            answer(staged[answered], requests[answered], now: now, output: output)
            answered += 1
        } while answered < count && output.count < outputLimit
        return answered
    }

    package func hello(now: UInt64) -> Hello {
        Hello(
            serverTimeMilliseconds: now,
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

    // MARK: Stage 1

    /// Decodes requests until the decoder is full, and returns how many: at least one.
    private func stage(_ requests: UnsafeBufferPointer<RequestFrame>) -> Int {
        decoder.reset(firstPayloadBytes: requests[0].payload.count)
        var count = 0
        while count < requests.count && count < ServerConnection.batchLimit {
            let request = stage(requests[count])
            if decoder.isFull && count > 0 { break }
            (staged + count).initialize(to: request)
            count += 1
        }
        return count
    }

    private func stage(_ request: RequestFrame) -> StagedRequest {
        switch request.method {
        case .get:
            guard let get = decoder.get(request.payload) else { return .refused(.malformed) }
            if let refusal = check(key: get.key) { return .refused(refusal) }
            return switch locate(get.key) {
            case .found(let target): .get(get, target)
            case .absent(let shard): .refused(.notHosted(shard: shard))
            }
        case .set:
            return stage(decoder.set(request.payload))
        case .delete:
            return stage(decoder.delete(request.payload))
        default:
            return .cold
        }
    }

    private func stage(_ mutation: MutationView?) -> StagedRequest {
        guard let mutation else { return .refused(.malformed) }
        if let refusal = check(key: mutation.key) { return .refused(refusal) }
        if mutation.value.count > node.limits.maxValueBytes {
            return .refused(.longValue(bytes: mutation.value.count))
        }
        if mutation.ttlMilliseconds < 0 {
            return .refused(.negativeTimeToLive(milliseconds: mutation.ttlMilliseconds))
        }
        return switch locate(mutation.key) {
        case .found(let target): .mutation(mutation, target)
        case .absent(let shard): .refused(.notHosted(shard: shard))
        }
    }

    private func check(key: UnsafeRawBufferPointer) -> Refusal? {
        if key.isEmpty { return .emptyKey }
        if key.count > node.limits.maxKeyBytes { return .longKey(bytes: key.count) }
        return nil
    }

    enum Location {
        case found(Target)
        case absent(shard: Int)
    }

    /// Finds a key's stripe, and starts loading its slot.
    func locate(_ key: UnsafeRawBufferPointer) -> Location {
        let shard = Int(KeyHash.fnv1(key) % UInt32(truncatingIfNeeded: node.shardCount)) + 1
        let word = node.table[shard]
        guard let store = word.store else { return .absent(shard: shard) }
        let hash = node.pool.hash(key)
        let stripe = store._withUnsafeGuaranteedRef { $0.stripe(hash) }
        stripe.lock()
        stripe.prefetchSlot(hash)
        stripe.unlock()
        return .found(Target(shard: shard, hash: hash, store: word.storeAddress, stripe: stripe))
    }

    // MARK: Stage 3

    private func answer(_ staged: StagedRequest, _ request: RequestFrame, now: UInt64, output: OutputBuffer) {
        let refusal: Refusal?
        switch staged {
        case .get(let get, let target):
            refusal = answer(get, at: target, request.requestID, now: now, output: output)
        case .mutation(let mutation, let target):
            refusal = answer(mutation, at: target, request.requestID, now: now, output: output)
        case .cold:
            refusal = answerCold(request, now: now, output: output)
        case .refused(let reason):
            refusal = reason
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
