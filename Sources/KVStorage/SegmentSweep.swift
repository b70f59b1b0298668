import KVCore

/// One call's part of a sweep, segment by segment.
struct SegmentSweep {
    let now: UInt64
    /// Markers born before this are dropped; 0 = none are.
    let dropBefore: UInt64
    /// See `ShardStore.sweep`.
    let patienceMilliseconds: UInt64
    /// The part ends once this much was done.
    let budget: Int
    /// In the segment that is being swept slots do not tell which records are due: all are looked at.
    var looksAtAll: Bool
    var result = SweepResult()

    var isOver: Bool { result.cost >= budget }

    /// Sweeps the records from `position` on of the segment that it belongs to, and returns the last hash up to which all are
    /// done: in the middle of the segment, if the budget is spent. The stripe is locked.
    ///
    /// While a segment is swept in part, its header knows the times of the part that was looked at. Nobody asks it before
    /// the sweep, which goes on where it ended, has looked at the rest.
    mutating func run(_ stripe: Stripe, from position: UInt64) -> UInt64 {
        let reference = stripe.reference(position)
        let last = reference.lastHash(position)
        result.cost += MaintenanceCost.segment
        guard let segment = Segment(reference) else { return last }
        if position == reference.firstHash(position) {
            guard begin(segment, isCompacting: stripe.allocator.isCompacting) else { return last }
        }
        let end = sweep(segment, stripe, from: reference.home(position))
        if end < segment.capacity { return reference.firstHash(position, ofHome: end) - 1 }
        if !shrink(segment, stripe, near: position) { stripe.relocate(segment, near: position) }
        return last
    }

    /// Whether there is something to do in a segment.
    private mutating func begin(_ segment: Segment, isCompacting: Bool) -> Bool {
        let header = segment.header.pointee
        looksAtAll =
            isCompacting || SlotTime.isLongPast(header.earliestDeadline, now: now)
            || SlotTime.isLongPast(header.earliestBirth, now: dropBefore)
        guard looksAtAll || isDue(header) else { return false }
        segment.header.pointee.forgetTimes()
        return true
    }

    private func isDue(_ header: SegmentHeader) -> Bool {
        let patience = (patienceMilliseconds * UInt64(header.count)) >> 10
        return header.count == 0
            || header.earliestDeadline <= now - min(now, patience)
            || header.earliestBirth < dropBefore - min(dropBefore, patience)
    }

    /// Looks at one slot at least, and returns the first one that it did not look at.
    private mutating func sweep(_ segment: Segment, _ stripe: Stripe, from start: Int) -> Int {
        var index = start
        repeat {
            let ahead = index + Segment.prefetchDistance
            if ahead < segment.capacity, isToBeLookedAt(segment.slots[ahead]) { segment.prefetchEntry(at: ahead) }
            result.cost += MaintenanceCost.slot
            while isToBeLookedAt(segment.slots[index]), removes(index, segment, stripe) {}
            note(segment.slots[index], segment.header)
            index += 1
        } while index < segment.capacity && !isOver
        return index
    }

    /// Whether the record of a slot may be due.
    private func isToBeLookedAt(_ slot: Slot) -> Bool {
        let time = slot.time
        if looksAtAll { return !slot.isEmpty }
        if time.isDeadline { return time.next(after: now) == nil }
        return time.isBirth && dropBefore > 0 && time.next(after: dropBefore) == nil
    }

    /// Does what is due to a record. True = it is gone, and another one may have moved into its slot: look again.
    private mutating func removes(_ index: Int, _ segment: Segment, _ stripe: Stripe) -> Bool {
        let slot = segment.slots + index
        result.cost += MaintenanceCost.record
        expire(slot, stripe)
        if drop(slot, at: index, segment, stripe) { return true }
        if stripe.allocator.isCompacting, let cost = stripe.relocate(slot) {
            result.moved += 1
            result.cost += cost
        }
        return false
    }

    /// Tells the segment's header when to look at a record that stays: exactly what is near, roughly what is far.
    private func note(_ slot: Slot, _ header: UnsafeMutablePointer<SegmentHeader>) {
        if slot.time == .none { return }
        if isToBeLookedAt(slot) { return header.pointee.note(slot.entry.header.pointee) }
        if slot.time.isDeadline {
            header.pointee.earliestDeadline = min(header.pointee.earliestDeadline, slot.time.next(after: now) ?? now)
        } else {
            let next = slot.time.next(after: dropBefore) ?? dropBefore
            header.pointee.earliestBirth = min(header.pointee.earliestBirth, next)
        }
    }

    /// Turns a live record past its deadline into a marker. When even the marker finds no memory, the record stays for
    /// the next pass: readers do not see it anyhow.
    private mutating func expire(_ slot: UnsafeMutablePointer<Slot>, _ stripe: Stripe) {
        let header = slot.pointee.entry.header.pointee
        guard header.kind == .live, TimeToLive.isExpired(deadline: header.deadline, now: now) else { return }
        let marker = EntryHeader(
            version: header.version,
            deadline: header.deadline,
            kind: .expired,
            keyCount: header.keyCount,
            valueCount: 0
        )
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        let allocatedBytes = stripe.allocator.allocatedBytes
        guard stripe.replace(slot, with: marker, value: nothing) else { return }
        result.expired += 1
        countChange(stripe, before: allocatedBytes)
    }

    /// Removes a marker whose retention is over; false if there is none.
    private mutating func drop(
        _ slot: UnsafeMutablePointer<Slot>,
        at index: Int,
        _ segment: Segment,
        _ stripe: Stripe
    ) -> Bool {
        let entry = slot.pointee.entry
        guard entry.header.pointee.kind != .live, entry.birth < dropBefore else { return false }
        stripe.count(entry.header.pointee, by: -1)
        segment.remove(at: index, keyHash: stripe.keyHash)
        let allocatedBytes = stripe.allocator.allocatedBytes
        stripe.allocator.free(entry.address, bytes: entry.bytes)
        result.dropped += 1
        countChange(stripe, before: allocatedBytes)
        return true
    }

    private mutating func countChange(_ stripe: Stripe, before allocatedBytes: Int) {
        let releasedBytes = allocatedBytes - stripe.allocator.allocatedBytes
        result.cost += MaintenanceCost.change + MaintenanceCost.memory(bytes: releasedBytes)
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
