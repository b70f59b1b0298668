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

    /// Counts the work of changing a record.
    mutating func countChange(releasedBytes: Int, copiedBytes: Int = 0) {
        visited += MaintenanceCost.change + MaintenanceCost.memory(bytes: releasedBytes + copiedBytes)
    }
}

extension ShardStore {
    /// Goes on with the endless pass that turns expired records into markers, frees their values, and drops markers that
    /// are older than the retention, unless `keepsMarkers`. It also moves records out of slabs that compaction empties.
    /// Segments in which nothing is due are skipped.
    ///
    /// A call ends at the end of a pass, or once it did `budget` slots of work, and holds a stripe's lock for no more than that:
    /// the next call goes on in the middle of a segment. Times are in milliseconds.
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
            let dropBefore = keepsMarkers || now < markerRetentionMilliseconds ? 0 : now - markerRetentionMilliseconds
            let sweep = SegmentSweep(
                now: now,
                dropBefore: dropBefore,
                patienceMilliseconds: patienceMilliseconds,
                budget: budget
            )
            while result.visited < budget {
                let stripe = stripe(at: Int(cursor.stripe))
                stripe.lock()
                let last = sweep.run(stripe, from: cursor.position, &result)
                if last == .max { stripe.removeDirectoryIfEmpty() }
                stripe.unlock()
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
