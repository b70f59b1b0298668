import KVCore
import Synchronization

/// What changed lately: so that whoever has copied a store need not look at all of it again for what was written meanwhile.
///
/// Recorded are the records that a merge stored, live ones and markers. What a sweep does is not: whoever has a record and its deadline
/// does the same. Only so many changes are kept, 16 bytes each; `hasAllChanges` tells whether they were enough.
extension ShardStore {
    /// The marks of a store, which grow as long as it lives.
    struct ChangeMarks {
        var latest: UInt64 = 0
        /// The first one of the recording under way; nil = there is none.
        var first: UInt64?
    }

    /// How many changes are kept: 16 MiB.
    package static let recordedChangesMax = 1 << 20
    /// How many of the newest changes are visited where nobody knows a mark, of all stripes together.
    private static let newestChanges = 8192
    /// Finding the records of a hash costs as much as so many slots of a scan.
    private static let slotsPerChange = 4

    /// Begins to record changes, or ends that and forgets them.
    /// - Parameter changesMax: how many, a power of two.
    package func recordChanges(_ isWanted: Bool, changesMax: Int = recordedChangesMax) {
        changeMarks.withLock { marks in
            if isWanted == (marks.first != nil) { return }
            marks.latest += 1
            marks.first = isWanted ? marks.latest : nil
            forEachStripe { stripe in
                if let changes = stripe.state.pointee.changes {
                    changes.pointee.deallocate()
                    changes.deallocate()
                    stripe.state.pointee.changes = nil
                }
                if isWanted {
                    let changes = UnsafeMutablePointer<StripeChanges>.allocate(capacity: 1)
                    changes.initialize(to: StripeChanges(mark: marks.latest, capacityMax: changesMax / stripeCount))
                    stripe.state.pointee.changes = changes
                }
            }
        }
    }

    /// Sets a mark. Whatever was stored before is seen by every scan that begins afterwards, and what is stored later is a change since it.
    /// - Returns: nil if changes are not recorded.
    package func markChanges() -> UInt64? {
        changeMarks.withLock { marks in
            if marks.first == nil { return nil }
            marks.latest += 1
            forEachStripe { $0.state.pointee.changes?.pointee.mark = marks.latest }
            return marks.latest
        }
    }

    /// All changes since a mark of this store are known.
    package func hasAllChanges(since mark: UInt64) -> Bool {
        changeMarks.withLock { marks in
            guard let first = marks.first, first <= mark, mark <= marks.latest else { return false }
            var hasAll = true
            forEachStripe { stripe in
                if let changes = stripe.state.pointee.changes, changes.pointee.lostMark >= mark { hasAll = false }
            }
            return hasAll
        }
    }

    /// Visits a page of what became of the keys that changed since a mark, or of the newest ones; returns where the next page begins,
    /// nil = the end. A key may be visited several times, and what changes meanwhile may be missing. `visit` runs under the lock of a stripe,
    /// and returns the bytes that it copied.
    ///
    /// A page ends once it looked at about `maxVisited` slots, or once `maxBytes` were copied.
    package func scanChanges(
        since mark: UInt64?,
        from cursor: ScanCursor,
        maxBytes: Int,
        maxVisited: Int,
        _ visit: (RecordView) -> Int
    ) -> ScanCursor? {
        var cursor = cursor
        var (bytes, visited) = (0, 0)
        var seen: Set<UInt64> = []
        while cursor.stripe < stripeCount {
            let stripe = stripe(at: Int(cursor.stripe))
            stripe.lock()
            defer { stripe.unlock() }
            if let changes = stripe.state.pointee.changes?.pointee {
                let newest = changes.count - min(changes.count, UInt64(max(1, Self.newestChanges / stripeCount)))
                var number = max(cursor.position, mark.map(changes.first) ?? max(changes.first, newest))
                while number < changes.count {
                    if bytes >= maxBytes || visited >= maxVisited {
                        cursor.position = number
                        return cursor
                    }
                    let hash = changes.hash(number)
                    number += 1
                    guard seen.insert(hash).inserted else { continue }
                    visited += Self.slotsPerChange
                    stripe.forEachRecord(hash) { bytes += visit($0) }
                }
            }
            cursor = ScanCursor(stripe: cursor.stripe + 1, position: 0)
        }
        return nil
    }
}

extension Stripe {
    /// The records of all keys that have this hash.
    fileprivate func forEachRecord(_ hash: UInt64, _ body: (RecordView) -> Void) {
        guard let segment = Segment(reference(hash)) else { return }
        let tag = Slot.tag(hash)
        var index = segment.reference.home(hash)
        while !segment.slots[index].isEmpty {
            let slot = segment.slots[index]
            if slot.tag == tag, keyHash(slot.entry.key) == hash { body(slot.entry.view) }
            index = segment.next(index)
        }
    }
}
