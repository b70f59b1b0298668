import KVCore

/// One step of a sweep: a segment, or a part of one where there is much to do.
struct SegmentSweep {
    let now: UInt64
    /// Markers born before this are dropped; 0 = none are.
    let dropBefore: UInt64
    /// See `ShardStore.sweep`.
    let patienceMilliseconds: UInt64
    /// The step ends once `visited` reaches this.
    let budget: Int

    /// Sweeps the records from `position` on of the segment that it belongs to, and returns the last hash up to which all are
    /// done. The stripe is locked.
    ///
    /// While a segment is swept in part, its header knows the times of the part that was looked at. Nobody asks it before
    /// the sweep, which goes on where it ended, has looked at the rest.
    func run(_ stripe: Stripe, from position: UInt64, _ result: inout SweepResult) -> UInt64 {
        let reference = stripe.reference(position)
        let last = reference.lastHash(position)
        result.visited += MaintenanceCost.segment
        guard let segment = Segment(reference) else { return last }
        if position == reference.firstHash(position) {
            if isDue(segment.header.pointee) {
                segment.header.pointee.forgetTimes()
            } else if !stripe.allocator.isCompacting {
                return last
            }
        }
        let end = sweep(segment, stripe, from: reference.home(position), &result)
        if end < segment.capacity { return reference.firstHash(position, ofHome: end) - 1 }
        if !shrink(segment, stripe, near: position) { stripe.relocate(segment, near: position) }
        return last
    }

    private func isDue(_ header: SegmentHeader) -> Bool {
        let patience = (patienceMilliseconds * UInt64(header.count)) >> 10
        return header.count == 0
            || header.earliestDeadline <= now - min(now, patience)
            || header.earliestBirth < dropBefore - min(dropBefore, patience)
    }

    /// Looks at one slot at least, and returns the first one that it did not look at.
    private func sweep(_ segment: Segment, _ stripe: Stripe, from start: Int, _ result: inout SweepResult) -> Int {
        var index = start
        repeat {
            segment.prefetchEntry(at: index + Segment.prefetchDistance)
            result.visited += 1
            visit(index, segment, stripe, &result)
            index += 1
        } while index < segment.capacity && result.visited < budget
        return index
    }

    private func visit(_ index: Int, _ segment: Segment, _ stripe: Stripe, _ result: inout SweepResult) {
        let slot = segment.slots + index
        while !slot.pointee.isEmpty {
            expire(slot, stripe, &result)
            // Another record may have moved into the slot: look again.
            if drop(slot, at: index, segment, stripe, &result) { continue }
            if stripe.allocator.isCompacting { stripe.relocate(slot, &result) }
            return segment.header.pointee.note(slot.pointee.entry.header.pointee)
        }
    }

    /// Turns a live record past its deadline into a marker. When even the marker finds no memory, the record stays for
    /// the next pass: readers do not see it anyhow.
    private func expire(_ slot: UnsafeMutablePointer<Slot>, _ stripe: Stripe, _ result: inout SweepResult) {
        let header = slot.pointee.entry.header.pointee
        guard header.kind == .live, TimeToLive.isExpired(deadline: header.deadline, now: now) else { return }
        let marker = EntryHeader(
            version: header.version,
            deadline: header.deadline,
            kind: .expired,
            keyCount: header.keyCount,
            valueCount: 0
        )
        let allocatedBytes = stripe.allocator.allocatedBytes
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        guard stripe.replace(slot, with: marker, value: nothing) else { return }
        result.expired += 1
        result.countChange(releasedBytes: allocatedBytes - stripe.allocator.allocatedBytes)
    }

    /// Removes a marker whose retention is over; false if there is none.
    private func drop(
        _ slot: UnsafeMutablePointer<Slot>,
        at index: Int,
        _ segment: Segment,
        _ stripe: Stripe,
        _ result: inout SweepResult
    ) -> Bool {
        let entry = slot.pointee.entry
        guard entry.header.pointee.kind != .live, entry.birth < dropBefore else { return false }
        stripe.count(entry.header.pointee, by: -1)
        segment.remove(at: index, keyHash: stripe.keyHash)
        let allocatedBytes = stripe.allocator.allocatedBytes
        stripe.allocator.free(entry.address, bytes: entry.bytes)
        result.dropped += 1
        result.countChange(releasedBytes: allocatedBytes - stripe.allocator.allocatedBytes)
        return true
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
