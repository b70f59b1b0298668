import KVCore

/// One step of a sweep: a segment.
struct SegmentSweep {
    let now: UInt64
    /// Markers born before this are dropped; 0 = none are.
    let dropBefore: UInt64
    /// See `ShardStore.sweep`.
    let patienceMilliseconds: UInt64

    /// Sweeps the segment that `hash` belongs to, and returns the last hash of that segment, or nil when it must be swept
    /// again. The stripe is locked.
    func run(_ stripe: Stripe, at hash: UInt64, _ result: inout SweepResult) -> UInt64? {
        let reference = stripe.reference(hash)
        let last = reference.lastHash(hash)
        result.visited += MaintenanceCost.segment
        guard let segment = Segment(reference) else { return last }
        if isDue(segment.header.pointee) {
            guard sweep(segment, stripe, &result) else { return nil }
            if shrink(segment, stripe, near: hash) { return last }
        }
        if stripe.allocator.isCompacting {
            guard stripe.compact(segment, near: hash, &result) else { return nil }
        }
        return last
    }

    private func isDue(_ header: SegmentHeader) -> Bool {
        let patience = (patienceMilliseconds * UInt64(header.count)) >> 10
        return header.count == 0
            || header.earliestDeadline <= now - min(now, patience)
            || header.earliestBirth < dropBefore - min(dropBefore, patience)
    }

    /// False when it ended early, because giving memory back to the system takes its time.
    private func sweep(_ segment: Segment, _ stripe: Stripe, _ result: inout SweepResult) -> Bool {
        segment.header.pointee.forgetTimes()
        var release = ReleaseBudget(stripe.allocator)
        let changesBefore = result.expired + result.dropped
        defer {
            let changes = result.expired + result.dropped - changesBefore
            result.visited += segment.capacity + changes * MaintenanceCost.change
            result.visited += MaintenanceCost.memory(bytes: release.releasedBytes)
        }
        let keyHash = stripe.keyHash
        var index = 0
        while index < segment.capacity {
            segment.prefetchEntry(at: index + Segment.prefetchDistance)
            let slot = segment.slots + index
            if slot.pointee.isEmpty {
                index += 1
                continue
            }
            if !release.isSpent, expire(slot, stripe) {
                result.expired += 1
                release.update()
            }
            let entry = slot.pointee.entry
            if !release.isSpent, entry.header.pointee.kind != .live, entry.birth < dropBefore {
                stripe.count(entry.header.pointee, by: -1)
                segment.remove(at: index, keyHash: keyHash)
                stripe.allocator.free(entry.address, bytes: entry.bytes)
                result.dropped += 1
                release.update()
                // Another entry may have moved into the slot: look again.
                continue
            }
            segment.header.pointee.note(entry.header.pointee)
            index += 1
        }
        return !release.isSpent
    }

    /// Turns a live record past its deadline into a marker. When even the marker finds no memory, the record stays for
    /// the next pass: readers do not see it anyhow.
    private func expire(_ slot: UnsafeMutablePointer<Slot>, _ stripe: Stripe) -> Bool {
        let header = slot.pointee.entry.header.pointee
        guard header.kind == .live, TimeToLive.isExpired(deadline: header.deadline, now: now) else { return false }
        let marker = EntryHeader(
            version: header.version,
            deadline: header.deadline,
            kind: .expired,
            keyCount: header.keyCount,
            valueCount: 0
        )
        let routingHash = RoutingHash.fnv1(slot.pointee.entry.key)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        return stripe.replace(slot, with: marker, routingHash: routingHash, value: nothing)
    }

    /// Gives back a segment's memory once less than three eighths of it are used: then it is another segment, or none.
    private func shrink(_ segment: Segment, _ stripe: Stripe, near hash: UInt64) -> Bool {
        let count = segment.header.pointee.count
        if count == 0 {
            stripe.removeEmpty(segment, near: hash)
            return true
        }
        guard segment.reference.sizeCode > 1, count < segment.capacity * 3 / 8 else { return false }
        // Without memory for the smaller one, the segment stays as it is.
        return stripe.resize(segment, sizeCode: Segment.sizeCode(fitting: count), near: hash, headroom: .unlimited)
    }
}
