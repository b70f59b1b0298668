import CLinux
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
    var position: SweepPosition
    var result = SweepResult()

    /// So many slots are looked at before the records of those that are due.
    private static let blockSlots = 32
    /// What is due to markers may wait so many times longer: they hold little, and so mostly deadlines decide when a segment is
    /// looked through.
    private static let markerPatience: UInt64 = 4
    /// One in so many segments that wait is swept all the same, to notice where much is due.
    private static let sampleInterval = 64

    var isOver: Bool { result.cost >= budget }

    /// Sweeps the next segment, or a part of it.
    mutating func step(_ store: ShardStore) {
        let stripe = store.stripe(at: Int(position.cursor.stripe))
        stripe.lock()
        let last = run(stripe, from: position.cursor.position)
        if last == .max { stripe.removeDirectoryIfEmpty() }
        stripe.unlock()
        position.cursor.advance(past: last)
        if position.cursor.stripe == store.stripeCount {
            position.cursor = .start
            result.finishedPass = true
        }
    }

    /// Sweeps the records from `hash` on of the segment that it belongs to, and returns the last hash up to which all are
    /// done: in the middle of the segment, if the budget is spent. The stripe is locked.
    ///
    /// While a segment is swept in part, its header knows the times of the part that was looked at. Nobody asks it before
    /// the sweep, which goes on where it ended, has looked at the rest.
    private mutating func run(_ stripe: Stripe, from hash: UInt64) -> UInt64 {
        let reference = stripe.reference(hash)
        let last = reference.lastHash(hash)
        stripe.loadHeaders(from: hash)
        result.cost += MaintenanceCost.segment
        guard let segment = Segment(reference) else { return last }
        if hash == reference.firstHash(hash) {
            guard begin(segment, isCompacting: stripe.allocator.isCompacting) else { return last }
        }
        let end = sweep(segment, stripe, from: reference.home(hash))
        if end < segment.capacity { return reference.firstHash(hash, ofHome: end) - 1 }
        if !shrink(segment, stripe, near: hash) { stripe.relocate(segment, near: hash) }
        return last
    }

    /// Whether there is something to do in a segment.
    private mutating func begin(_ segment: Segment, isCompacting: Bool) -> Bool {
        let header = segment.header.pointee
        position.looksAtAll =
            isCompacting || SlotTime.isLongPast(header.earliestDeadline, now: now)
            || SlotTime.isLongPast(header.earliestBirth, now: dropBefore)
        guard position.looksAtAll || isDue(header) else { return false }
        segment.header.pointee.forgetTimes()
        // While markers have to stay nobody looks at them.
        if dropBefore == 0 { segment.header.pointee.note(birth: header.earliestBirth) }
        return true
    }

    private mutating func isDue(_ header: SegmentHeader) -> Bool {
        func isDue(after patience: UInt64) -> Bool {
            header.earliestDeadline <= now - min(now, patience)
                || header.earliestBirth < dropBefore - min(dropBefore, patience * Self.markerPatience)
        }
        if header.count == 0 || isDue(after: (patienceMilliseconds * UInt64(min(header.count, 512))) >> 9) {
            return true
        }
        guard isDue(after: 0) else { return false }
        position.waitingCount += 1
        return position.waitingCount % Self.sampleInterval == 0
    }

    /// Looks at one record that is due at least, and returns the first slot that it did not look at.
    private mutating func sweep(_ segment: Segment, _ stripe: Stripe, from start: Int) -> Int {
        var index = start
        repeat {
            let end = min(index + Self.blockSlots, segment.capacity)
            var due = findDue(segment, index, end)
            while due != 0 {
                let found = index + due.trailingZeroBitCount
                due &= due - 1
                if remove(found, segment, stripe) {
                    // Others may have moved back by one: look again.
                    due = findDue(segment, found, end) << UInt64(found - index)
                } else if isOver, due != 0 {
                    return found + 1
                }
            }
            index = end
        } while index < segment.capacity && !isOver
        return index
    }

    /// Finds the slots from `start` to `end` whose records may be due, as bits, and begins to load these: together, so that
    /// their addresses are translated side by side. Tells the segment's header when the others will be.
    private mutating func findDue(_ segment: Segment, _ start: Int, _ end: Int) -> UInt64 {
        result.cost += (end - start) * MaintenanceCost.slot
        let due = position.looksAtAll ? findAll(segment, start, end) : findByTime(segment, start, end)
        var rest = due
        while rest != 0 {
            linux_prefetch(segment.slots[start + rest.trailingZeroBitCount].entry.address)
            rest &= rest - 1
        }
        return due
    }

    private func findAll(_ segment: Segment, _ start: Int, _ end: Int) -> UInt64 {
        var found: UInt64 = 0
        for index in start..<end where !segment.slots[index].isEmpty { found |= 1 << UInt64(index - start) }
        return found
    }

    private func findByTime(_ segment: Segment, _ start: Int, _ end: Int) -> UInt64 {
        var earliest = EarliestTimes(now: now, dropBefore: dropBefore)
        for index in start..<end { earliest.add(segment.slots[index].time) }
        var found: UInt64 = 0
        if earliest.mayHavePassed {
            earliest = EarliestTimes(now: now, dropBefore: dropBefore)
            for index in start..<end {
                let time = segment.slots[index].time
                if earliest.mayHavePassed(time) { found |= 1 << UInt64(index - start) } else { earliest.add(time) }
            }
        }
        if let deadline = earliest.deadline.milliseconds { segment.header.pointee.note(deadline: deadline) }
        if let birth = earliest.birth.milliseconds { segment.header.pointee.note(birth: birth) }
        return found
    }

    /// Does what is due to a record. True = it is gone, and another one may be in its slot.
    private mutating func remove(_ index: Int, _ segment: Segment, _ stripe: Stripe) -> Bool {
        let slot = segment.slots + index
        result.cost += MaintenanceCost.record
        expire(slot, stripe)
        if drop(slot, at: index, segment, stripe) { return true }
        if stripe.allocator.isCompacting, let cost = stripe.relocate(slot) {
            result.moved += 1
            result.cost += cost
        }
        segment.header.pointee.note(slot.pointee.entry.header.pointee)
        return false
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
        let routingHash = RoutingHash.fnv1(slot.pointee.entry.key)
        let allocatedBytes = stripe.allocator.allocatedBytes
        guard stripe.replace(slot, with: marker, routingHash: routingHash, value: nothing) else { return }
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
