import Synchronization

/// Compaction: when too many blocks of a class are free, its sparsest slabs are chosen to be emptied. Their blocks move to
/// free blocks of the other slabs, one by one, when a sweep meets what lies in them; empty slabs go back to the system.
extension SlabList {
    /// Decides how many slabs should go: all that the blocks do not need, once an eighth of the blocks are free. Returns
    /// whether there is something to move. The caller holds the lock.
    mutating func planCompaction() -> Bool {
        let capacity = slabCount * Int(blocksPerSlab)
        let free = capacity - usedCount
        evacuationQuota = 0
        if free * 8 > capacity, free > 2 * Int(blocksPerSlab) {
            // A few free blocks stay, so that the class can grow without a new slab.
            let needed = (usedCount + usedCount >> 5) / Int(blocksPerSlab) + 1
            evacuationQuota = max(0, slabCount - needed - evacuatingCount)
        }
        let hasWork = evacuationQuota > 0 || evacuating != nil
        isCompacting.store(hasWork, ordering: .relaxed)
        return hasWork
    }

    /// A block to move another one to that lies in `slab`, or nil when that should stay. The caller holds the lock.
    mutating func takeBetterBlock(than slab: UnsafeMutablePointer<Slab>) -> UnsafeMutableRawPointer? {
        if !slab.pointee.isEvacuating {
            guard evacuationQuota > 0, isSparse(slab) else { return nil }
            evacuate(slab)
            evacuationQuota -= 1
        }
        if partial == nil {
            // Others took the free blocks meanwhile: fewer slabs can go.
            evacuationQuota = 0
            reinstate()
            if !slab.pointee.isEvacuating { return nil }
        }
        return takeBlock()
    }

    /// Whether a slab holds no more blocks than the average one.
    private func isSparse(_ slab: UnsafeMutablePointer<Slab>) -> Bool {
        slab.pointee.usedCount < blocksPerSlab && Int(slab.pointee.usedCount) * slabCount <= usedCount
    }
}
