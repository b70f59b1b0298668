import KVCore
import KVSharding
import KVStorage
import KVWire

/// Stage 3 of the hot path: what a shard's state allows is decided under the lock of the stripe that the request works on.
/// A refusal is returned, not answered, because its words are made without the lock.
extension NodeHandler {
    func answer(
        _ get: UnsafePointer<GetView>,
        at target: UnsafeMutablePointer<Target>,
        _ requestID: UInt32,
        now: UInt64,
        output: OutputBuffer
    ) -> Refusal? {
        target.pointee.stripe.lock()
        let word = node.table[target.pointee.shard]
        guard word.storeAddress == target.pointee.store else {
            target.pointee.stripe.unlock()
            return locate(get.pointee.key, target)
                ?? answer(get, at: target, requestID, now: now, output: output)
        }
        defer { target.pointee.stripe.unlock() }
        if get.pointee.view != ViewIdentifier.none {
            guard get.pointee.view == node.table.view(of: target.pointee.shard) else {
                return .wrongView(shard: target.pointee.shard)
            }
        } else if !word.isOpen && !word.isReadOnly {
            return .notReady(shard: target.pointee.shard)
        }
        let record = target.pointee.stripe.find(get.pointee.key, hash: target.pointee.hash)
        respond(to: get, with: record, requestID, now: now, output: output)
        return nil
    }

    func answer(
        _ mutation: UnsafePointer<MutationView>,
        at target: UnsafeMutablePointer<Target>,
        _ requestID: UInt32,
        now: UInt64,
        output: OutputBuffer
    ) -> Refusal? {
        target.pointee.stripe.lock()
        let word = node.table[target.pointee.shard]
        guard word.storeAddress == target.pointee.store else {
            target.pointee.stripe.unlock()
            return locate(mutation.pointee.key, target)
                ?? answer(mutation, at: target, requestID, now: now, output: output)
        }
        defer { target.pointee.stripe.unlock() }
        if mutation.pointee.view != ViewIdentifier.none {
            guard mutation.pointee.view == node.table.view(of: target.pointee.shard) else {
                return .wrongView(shard: target.pointee.shard)
            }
        } else if !word.isOpen {
            return word.isReadOnly ? .moving(shard: target.pointee.shard) : .notReady(shard: target.pointee.shard)
        }
        let sentAt = mutation.pointee.opClockMilliseconds
        if sentAt != 0 && sentAt + Self.maxAgeMilliseconds < now { return .tooOld(milliseconds: sentAt) }
        var version = mutation.pointee.version
        if version.isNone || ignoresVersions {
            let current = target.pointee.stripe.find(mutation.pointee.key, hash: target.pointee.hash)?.version ?? .none
            version = stamper.stamp(now: now, above: current)
        } else if version.milliseconds > now + Self.maxAheadMilliseconds {
            // A clock that is ahead must not win forever; what is in place already may be repeated and followed.
            let current = target.pointee.stripe.find(mutation.pointee.key, hash: target.pointee.hash)?.version ?? .none
            if version.time > current.time && version.time - current.time > 1 {
                return .future(milliseconds: version.milliseconds)
            }
        }
        let expiresAt =
            mutation.pointee.expiresAt != 0
            ? mutation.pointee.expiresAt
            : TimeToLive.deadline(ttlMilliseconds: mutation.pointee.ttlMilliseconds, now: now)
        let outcome = target.pointee.stripe.merge(
            key: mutation.pointee.key,
            hash: target.pointee.hash,
            routingHash: target.pointee.routingHash,
            value: mutation.pointee.value,
            version: version,
            expiresAt: expiresAt,
            kind: mutation.pointee.kind,
            now: now
        )
        switch outcome {
        case .stored, .unchanged: writer.mutation(requestID, to: output)
        case .superseded(let current): writer.mutation(requestID, superseded: current, to: output)
        case .outOfMemory: return .memoryFull
        }
        return nil
    }

    /// How far a version may be ahead of this server's clock, in milliseconds.
    private static let maxAheadMilliseconds: UInt64 = 2000

    /// How long a write may have been under way, in milliseconds: half as long as a marker stays that could refuse it.
    private static let maxAgeMilliseconds: UInt64 = 30_000

    private func respond(
        to get: UnsafePointer<GetView>,
        with record: RecordView?,
        _ requestID: UInt32,
        now: UInt64,
        output: OutputBuffer
    ) {
        let isLive: Bool
        if let record {
            isLive = record.kind == .live && !TimeToLive.isExpired(deadline: record.expiresAt, now: now)
        } else {
            isLive = false
        }
        if !get.pointee.withMetadata && !get.pointee.metadataOnly {
            writer.get(requestID, value: isLive ? record?.value : nil, to: output)
            return
        }
        let kind = record?.kind ?? .live
        writer.get(
            requestID,
            value: isLive && !get.pointee.metadataOnly ? record?.value : nil,
            wasFound: isLive,
            version: record?.version ?? .none,
            expiresAt: record?.expiresAt ?? 0,
            kind: kind == .live && record != nil && !isLive ? .expired : kind,
            ttlMillisecondsRemaining: isLive
                ? TimeToLive.remainingMilliseconds(deadline: record?.expiresAt ?? 0, now: now) : 0,
            to: output
        )
    }
}
