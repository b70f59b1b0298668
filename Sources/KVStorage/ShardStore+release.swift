import Synchronization

extension ShardStore {
    /// Frees the records of a store that nobody uses any more, in slices: about `budget` slots of work a call, exceeded by
    /// at most one segment. True when everything is freed.
    package func release(budget: Int) -> Bool {
        releasePosition.withLock { cursor in
            var visited = 0
            while cursor.stripe < stripeCount {
                if visited >= budget { return false }
                let stripe = stripe(at: Int(cursor.stripe))
                stripe.lock()
                let reference = stripe.reference(cursor.position)
                visited += 1
                if let segment = Segment(reference) {
                    visited += segment.capacity
                    stripe.removeAll(segment, near: cursor.position)
                }
                let last = reference.lastHash(cursor.position)
                if last == .max { stripe.removeDirectoryIfEmpty() }
                stripe.unlock()
                cursor.advance(past: last)
            }
            // A later call looks again, in case something was stored after all.
            cursor = .start
            return true
        }
    }
}

extension Stripe {
    /// Frees a segment with its entries.
    func removeAll(_ segment: Segment, near hash: UInt64) {
        segment.forEach { entry in
            count(entry.header.pointee, by: -1)
            allocator.free(entry.address, bytes: entry.bytes)
        }
        removeEmpty(segment, near: hash)
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
