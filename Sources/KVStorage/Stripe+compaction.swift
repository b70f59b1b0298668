extension Stripe {
    /// Moves a record out of a slab that is to be emptied. Returns what it cost, or nil where the record stays.
    func relocate(_ slot: UnsafeMutablePointer<Slot>) -> Int? {
        let allocatedBytes = allocator.allocatedBytes
        let bytes = slot.pointee.entry.bytes
        guard let address = allocator.relocate(slot.pointee.entry.address, bytes: bytes) else { return nil }
        slot.pointee = Slot(Entry(address), tag: slot.pointee.tag, time: slot.pointee.time)
        let releasedBytes = allocatedBytes - allocator.allocatedBytes
        return MaintenanceCost.change + MaintenanceCost.memory(bytes: bytes + max(0, releasedBytes))
    }

    /// Moves a segment out of a slab that is to be emptied, and the directory with the last one.
    func relocate(_ segment: Segment, near hash: UInt64) {
        guard allocator.isCompacting else { return }
        let bytes = Segment.bytes(capacity: segment.capacity)
        let old = segment.reference
        if let address = allocator.relocate(UnsafeMutableRawPointer(segment.header), bytes: bytes) {
            let slots = (address + SegmentHeader.bytes).assumingMemoryBound(to: Slot.self)
            replace(old, near: hash, with: SegmentReference(slots: slots, sizeCode: old.sizeCode, depth: old.depth))
        }
        if old.lastHash(hash) == .max { relocateDirectory() }
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
