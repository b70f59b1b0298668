import Synchronization

/// What one call of `ShardStore.sweep` did.
package struct SweepResult: Hashable, Sendable {
    /// The work done, in nanoseconds or nearly so; see `MaintenanceCost`.
    package var cost = 0
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

/// Where a sweep of a store is.
struct SweepPosition {
    var cursor = ScanCursor.start
    /// In the segment that is being swept, slots do not tell which records are due: all are looked at.
    var looksAtAll = false
    /// How many segments were found in which something was due, and left for later.
    var waitingCount = 0
}

extension ShardStore {
    /// Goes on with the endless pass that turns expired records into markers, frees their values, and drops markers that
    /// are older than the retention, as far as `markersDroppableBefore` allows. It also moves records out of slabs that compaction
    /// empties. Segments in which nothing is due are skipped.
    ///
    /// A call ends at the end of a pass, or once it did `budget` nanoseconds of work by estimate, and holds a stripe's lock for no
    /// more than that: the next call goes on in the middle of a segment. Times are in milliseconds.
    ///
    /// - Parameter patienceMilliseconds: how long what is due in a segment of 512 records or more may wait for more to join it;
    ///   in a smaller one so much less; markers that are due wait four times as long. Looking through a segment costs the same
    ///   for one record that is due as for some.
    package func sweep(
        now: UInt64,
        markerRetentionMilliseconds: UInt64,
        patienceMilliseconds: UInt64 = 0,
        budget: Int
    ) -> SweepResult {
        sweepPosition.withLock { position in
            let dropBefore = min(now - min(now, markerRetentionMilliseconds), markersDroppableBefore)
            var sweep = SegmentSweep(
                now: now,
                dropBefore: dropBefore,
                patienceMilliseconds: patienceMilliseconds,
                budget: budget,
                position: position
            )
            while !sweep.isOver && !sweep.result.finishedPass { sweep.step(self) }
            position = sweep.position
            return sweep.result
        }
    }
}
