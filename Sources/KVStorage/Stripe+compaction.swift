extension Stripe {
    /// The most that is copied under one hold of the lock.
    private static let movedBytesMax = 256 << 10

    /// Moves a segment and its entries out of slabs that are to be emptied. False when it ended early, because copying
    /// takes its time: a second call goes on. The stripe is locked.
    func compact(_ segment: Segment, near hash: UInt64, _ result: inout SweepResult) -> Bool {
        let allocator = allocator
        // Entries lie in random order: towards the end of a pass many slabs empty at about the same time.
        var release = ReleaseBudget(allocator)
        var movedBytes = 0
        var moved = 0
        defer {
            result.moved += moved
            result.visited += segment.capacity + moved * MaintenanceCost.change
            result.visited += MaintenanceCost.memory(bytes: movedBytes + release.releasedBytes)
        }
        for index in 0..<segment.capacity {
            segment.prefetchEntry(at: index + Segment.prefetchDistance)
            let slot = segment.slots[index]
            if slot.isEmpty { continue }
            let bytes = slot.entry.bytes
            guard let address = allocator.relocate(slot.entry.address, bytes: bytes) else { continue }
            segment.slots[index] = Slot(Entry(address), tag: slot.tag)
            moved += 1
            movedBytes += bytes
            release.update()
            if release.isSpent || movedBytes >= Self.movedBytesMax { return false }
        }
        relocate(segment, near: hash)
        if segment.reference.lastHash(hash) == .max { relocateDirectory() }
        return true
    }

    private func relocate(_ segment: Segment, near hash: UInt64) {
        let bytes = Segment.bytes(capacity: segment.capacity)
        guard let address = allocator.relocate(UnsafeMutableRawPointer(segment.header), bytes: bytes) else { return }
        let slots = (address + SegmentHeader.bytes).assumingMemoryBound(to: Slot.self)
        let old = segment.reference
        replace(old, near: hash, with: SegmentReference(slots: slots, sizeCode: old.sizeCode, depth: old.depth))
    }

    /// A directory of depth 0 is not a block.
    private func relocateDirectory() {
        let depth = Int(state.pointee.directoryDepth)
        guard depth > 0 else { return }
        let bytes = Self.directoryBytes(depth: depth)
        guard let address = allocator.relocate(state.pointee.directory, bytes: bytes) else { return }
        state.pointee.directory = address.assumingMemoryBound(to: SegmentReference.self)
    }
}
