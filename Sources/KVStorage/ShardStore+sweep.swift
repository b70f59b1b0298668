import Synchronization

import KVCore

/// What one call of `ShardStore.sweep` did.
package struct SweepResult: Hashable, Sendable {
    /// The work done, in slots.
    package var visited = 0
    /// Live records that became markers.
    package var expired = 0
    /// Markers that were dropped.
    package var dropped = 0
    /// The end of the store was reached: the next call begins anew.
    package var finishedPass = false

    package init() {}
}

extension ShardStore {
    /// Goes on with the endless pass that turns expired records into markers, frees their values, and drops markers that
    /// are older than the retention, unless `keepsMarkers`. Segments in which nothing is due are skipped.
    ///
    /// A call ends at the end of a pass, or once it did `budget` slots of work: it may exceed that by one segment, since a
    /// segment is swept as a whole (about 1,000 slots), under the lock of its stripe. Times are in milliseconds.
    package func sweep(now: UInt64, markerRetentionMilliseconds: UInt64, budget: Int) -> SweepResult {
        sweepPosition.withLock { cursor in
            var result = SweepResult()
            let dropBefore = keepsMarkers || now < markerRetentionMilliseconds ? 0 : now - markerRetentionMilliseconds
            let sweep = SegmentSweep(now: now, dropBefore: dropBefore)
            while result.visited < budget {
                let stripe = stripe(at: Int(cursor.stripe))
                stripe.lock()
                let last = sweep.run(stripe, at: cursor.position, &result)
                if last == .max { stripe.removeDirectoryIfEmpty() }
                stripe.unlock()
                guard let last else { continue }
                cursor.advance(past: last)
                if cursor.stripe == stripeCount {
                    cursor = .start
                    result.finishedPass = true
                    break
                }
            }
            return result
        }
    }
}

/// One step of a sweep: a segment.
struct SegmentSweep {
    let now: UInt64
    /// Markers born before this are dropped; 0 = none are.
    let dropBefore: UInt64

    /// Sweeps the segment that `hash` belongs to, and returns the last hash of that segment, or nil when it must be swept
    /// again. The stripe is locked.
    func run(_ stripe: Stripe, at hash: UInt64, _ result: inout SweepResult) -> UInt64? {
        let reference = stripe.reference(hash)
        let last = reference.lastHash(hash)
        guard let segment = Segment(reference), isDue(segment.header.pointee) else {
            result.visited += 1
            return last
        }
        result.visited += segment.capacity
        guard sweep(segment, stripe, &result) else { return nil }
        shrink(segment, stripe, near: hash)
        return last
    }

    private func isDue(_ header: SegmentHeader) -> Bool {
        header.count == 0 || header.earliestDeadline <= now || header.earliestBirth < dropBefore
    }

    /// False when it ended early, because giving memory back to the system takes its time.
    private func sweep(_ segment: Segment, _ stripe: Stripe, _ result: inout SweepResult) -> Bool {
        segment.header.pointee.forgetTimes()
        var release = ReleaseBudget(stripe.allocator)
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
        return stripe.replace(slot, with: marker, value: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Gives back a segment's memory once less than a quarter of it is used.
    private func shrink(_ segment: Segment, _ stripe: Stripe, near hash: UInt64) {
        let count = segment.header.pointee.count
        if count == 0 {
            stripe.removeEmpty(segment, near: hash)
        } else if segment.reference.sizeCode > 1, count < segment.capacity / 4 {
            // Without memory for the smaller one, the segment stays as it is.
            _ = stripe.resize(segment, sizeCode: Segment.sizeCode(fitting: count), near: hash, headroom: .unlimited)
        }
    }
}
