import Glibc
import Synchronization

extension Allocator {
    /// Whether `relocate` has something to do.
    var isCompacting: Bool { state.pointee.isCompacting.load(ordering: .relaxed) }

    /// Looks at how well each class uses its slabs, and decides which should give some back.
    func planCompaction() {
        var hasWork = false
        for index in 0..<SizeClass.count {
            let list = list(SizeClass(index: index))
            list.pointee.lock.lock()
            if list.pointee.planCompaction() { hasWork = true }
            list.pointee.lock.unlock()
        }
        state.pointee.isCompacting.store(hasWork, ordering: .relaxed)
    }

    /// Moves a block out of a slab that is to be emptied. Returns the block's new address, or nil when it stays. The caller
    /// knows every reference to the block, and changes them.
    func relocate(_ block: UnsafeMutableRawPointer, bytes: Int) -> UnsafeMutableRawPointer? {
        guard bytes <= SizeClass.largestBytes else { return nil }
        let sizeClass = SizeClass(bytes: bytes)
        let list = list(sizeClass)
        guard list.pointee.isCompacting.load(ordering: .relaxed) else { return nil }
        let slab = slab(of: block, sizeClass)
        list.pointee.lock.lock()
        let target = list.pointee.takeBetterBlock(than: slab)
        list.pointee.lock.unlock()
        guard let target else { return nil }
        memcpy(target, block, bytes)
        free(block, bytes: bytes)
        return target
    }
}
