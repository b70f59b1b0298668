import Glibc
package import KVCore

extension Stripe {
    /// Puts a record in place unless a greater one is there. The greatest version wins, and at one version deleted is above
    /// live, expired above both: merging is idempotent, and the order of merges does not matter.
    ///
    /// - A live record whose deadline has passed at `now` is stored as an expired marker: its version counts, its value does not.
    /// - Markers ignore `value`; a deleted one ignores `expiresAt`, and its retention starts at `now`.
    /// - Times are in milliseconds since 1970.
    /// - `routingHash` is the key's `RoutingHash`, `hash` its `MemoryPool.hash`.
    package func merge(
        key: UnsafeRawBufferPointer,
        hash: UInt64,
        routingHash: UInt32,
        value: UnsafeRawBufferPointer,
        version: Version,
        expiresAt: UInt64,
        kind: RecordKind,
        now: UInt64
    ) -> MergeOutcome {
        let isExpired = kind == .live && TimeToLive.isExpired(deadline: expiresAt, now: now)
        let kind = isExpired ? .expired : kind
        let value = kind == .live ? value : UnsafeRawBufferPointer(start: nil, count: 0)
        let startsRetentionNow = kind == .deleted || kind == .expired && expiresAt == 0
        let header = EntryHeader(
            version: version,
            deadline: startsRetentionNow ? now : expiresAt,
            kind: kind,
            keyCount: key.count,
            valueCount: value.count
        )
        guard let slot = slot(key, hash: hash) else {
            return insert(header, key: key, hash: hash, routingHash: routingHash, value: value)
        }
        let current = slot.pointee.entry.header.pointee
        if version < current.version { return .superseded(current.version) }
        if version == current.version, kind.rawValue <= current.kind.rawValue { return .unchanged }
        guard replace(slot, with: header, routingHash: routingHash, value: value) else { return .outOfMemory }
        if kind != .live || expiresAt != 0, let segment = Segment(reference(hash)) {
            segment.header.pointee.note(header)
        }
        state.pointee.changes?.pointee.append(hash)
        return .stored
    }

    private func insert(
        _ header: EntryHeader,
        key: UnsafeRawBufferPointer,
        hash: UInt64,
        routingHash: UInt32,
        value: UnsafeRawBufferPointer
    ) -> MergeOutcome {
        let headroom = header.kind == .live ? Headroom.none : .limited
        guard let segment = segmentWithRoom(hash, headroom: headroom),
            let entry = makeEntry(header, key: key, value: value, headroom: headroom)
        else { return .outOfMemory }
        segment.insert(entry, hash: hash)
        count(header, by: 1)
        state.pointee.digests.insert(header, routingHash)
        state.pointee.changes?.pointee.append(hash)
        return .stored
    }

    /// Overwrites a record: in place when the new one takes the same memory. Markers replace records at any limit, and
    /// smaller values somewhat above it, since they take no more than what they free. False when there is no memory.
    func replace(
        _ slot: UnsafeMutablePointer<Slot>,
        with header: EntryHeader,
        routingHash: UInt32,
        value: UnsafeRawBufferPointer
    ) -> Bool {
        let old = slot.pointee.entry
        let oldHeader = old.header.pointee
        let bytes = EntryHeader.bytes + header.keyCount + value.count
        if bytes == old.bytes || allocator.capacity(bytes) == allocator.capacity(old.bytes) {
            old.header.pointee = header
            if let source = value.baseAddress { memcpy(old.keyAddress + header.keyCount, source, value.count) }
            slot.pointee = Slot(old, tag: slot.pointee.tag, time: SlotTime(header))
        } else {
            let headroom: Headroom =
                header.kind != .live ? .unlimited : bytes < old.bytes ? .limited : .none
            guard let new = makeEntry(header, key: old.key, value: value, headroom: headroom) else { return false }
            slot.pointee = Slot(new, tag: slot.pointee.tag, time: SlotTime(header))
            allocator.free(old.address, bytes: old.bytes)
        }
        if oldHeader.isLive && header.isLive {
            state.pointee.liveBytes += Int(header.valueCount) - Int(oldHeader.valueCount)
        } else {
            count(oldHeader, by: -1)
            count(header, by: 1)
        }
        state.pointee.digests.replace(oldHeader, with: header, routingHash)
        return true
    }

    /// Adds a record to the counters, or takes it out.
    func count(_ header: EntryHeader, by amount: Int) {
        if header.isLive {
            state.pointee.liveCount += Int32(truncatingIfNeeded: amount)
            state.pointee.liveBytes += amount * (header.keyCount + Int(header.valueCount))
        } else {
            state.pointee.markerCount += Int32(truncatingIfNeeded: amount)
        }
    }

    private func makeEntry(
        _ header: EntryHeader,
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        headroom: Headroom
    ) -> Entry? {
        let bytes = EntryHeader.bytes + key.count + value.count
        guard let block = allocator.allocate(bytes, headroom: headroom) else { return nil }
        let entry = Entry(block)
        entry.header.initialize(to: header)
        if let source = key.baseAddress { memcpy(entry.keyAddress, source, key.count) }
        if let source = value.baseAddress { memcpy(entry.keyAddress + key.count, source, value.count) }
        return entry
    }
}
