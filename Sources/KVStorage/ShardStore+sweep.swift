import Synchronization

/// What one call of `ShardStore.sweep` did.
package struct SweepResult: Hashable, Sendable {
    /// The work done, in slots looked at; changes count for several, see `MaintenanceCost`.
    package var visited = 0
    /// Live records that became markers.
    package var expired = 0
    /// Markers that were dropped.
    package var dropped = 0
    /// Records that compaction moved.
    package var moved = 0
    /// The end of the store was reached: the next call begins anew.
    package var finishedPass = false

    package init() {}
}

extension ShardStore {
    /// Goes on with the endless pass that turns expired records into markers, frees their values, and drops markers that
    /// are older than the retention, as far as `markersDroppableBefore` allows. It also moves records out of slabs that compaction empties.
    /// Segments in which nothing is due are skipped.
    ///
    /// A call ends at the end of a pass, or once it did `budget` slots of work: it may exceed that by one segment, since a
    /// segment is swept as a whole (1,024 slots at most), under the lock of its stripe. Times are in milliseconds.
    ///
    /// - Parameter patienceMilliseconds: how long what is due in a segment of 1,024 records may wait for more to join it; in a
    ///   smaller one so much less. Looking through a segment costs the same for one record that is due as for many.
    package func sweep(
        now: UInt64,
        markerRetentionMilliseconds: UInt64,
        patienceMilliseconds: UInt64 = 0,
        budget: Int
    ) -> SweepResult {
        sweepPosition.withLock { cursor in
            var result = SweepResult()
            let dropBefore = min(now - min(now, markerRetentionMilliseconds), markersDroppableBefore)
            let sweep = SegmentSweep(now: now, dropBefore: dropBefore, patienceMilliseconds: patienceMilliseconds)
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
