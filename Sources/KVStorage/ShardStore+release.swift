import Synchronization

extension ShardStore {
    /// Frees the records of a store that nobody uses any more, in slices: about `budget` nanoseconds of work a call (see
    /// `MaintenanceCost`). True when everything is freed.
    package func release(budget: Int) -> Bool {
        releasePosition.withLock { cursor in
            var cost = 0
            while cursor.stripe < stripeCount {
                if cost >= budget { return false }
                let stripe = stripe(at: Int(cursor.stripe))
                stripe.lock()
                let reference = stripe.reference(cursor.position)
                cost += MaintenanceCost.segment
                var isDone = true
                if let segment = Segment(reference) {
                    isDone = stripe.removeAll(segment, near: cursor.position, budget: budget, &cost)
                }
                let last = reference.lastHash(cursor.position)
                if isDone, last == .max { stripe.removeDirectoryIfEmpty() }
                stripe.unlock()
                if isDone { cursor.advance(past: last) }
            }
            // A later call looks again, in case something was stored after all.
            cursor = .start
            return true
        }
    }
}

extension Stripe {
    /// Frees a segment with its entries; once `cost` reaches `budget`, only a part of the entries (one at least): then false, and
    /// searches in it are no longer valid. Adds the work to `cost`.
    func removeAll(_ segment: Segment, near hash: UInt64, budget: Int, _ cost: inout Int) -> Bool {
        cost += segment.capacity * MaintenanceCost.slot
        for index in 0..<segment.capacity where !segment.slots[index].isEmpty {
            segment.prefetchEntry(at: index + Segment.prefetchDistance)
            let entry = segment.slots[index].entry
            count(entry.header.pointee, by: -1)
            segment.slots[index] = Slot()
            segment.header.pointee.count -= 1
            let allocatedBytes = allocator.allocatedBytes
            allocator.free(entry.address, bytes: entry.bytes)
            cost += MaintenanceCost.free
            cost += MaintenanceCost.memory(bytes: allocatedBytes - allocator.allocatedBytes)
            // Only here, so that each call frees something, whatever it is given.
            if cost >= budget { return false }
        }
        removeEmpty(segment, near: hash)
        return true
    }

    /// Drops the directory once no segment is left.
    func removeDirectoryIfEmpty() {
        guard state.pointee.liveCount + state.pointee.markerCount == 0 else { return }
        let references = UnsafeBufferPointer(
            start: state.pointee.directory,
            count: 1 << Int(state.pointee.directoryDepth)
        )
        if references.allSatisfy({ $0.slots == nil }) { removeDirectory() }
    }
}
