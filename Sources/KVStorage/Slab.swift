/// The header at the start of a slab: an aligned run of memory cut into blocks of one size class. Blocks carry no header:
/// masking a block's address finds its slab. Free blocks are linked through their own first word.
struct Slab {
    var freeBlock: UnsafeMutableRawPointer?
    /// Blocks from this index on were never used: their pages need not be touched to link them.
    var freshIndex: Int32
    var usedCount: Int32
    var next: UnsafeMutablePointer<Slab>?
    var previous: UnsafeMutablePointer<Slab>?
    let region: UnsafeMutablePointer<SlabRegion>

    static let headerBytes = 64
}

/// The slabs of one size class. Full slabs are in no list; one empty small slab is kept, so that a single key that comes
/// and goes does not cost system calls.
struct SlabList: ~Copyable {
    let lock: SpinLock
    let blockBytes: Int
    let blocksPerSlab: Int32
    let keepsSpare: Bool
    private var partial: UnsafeMutablePointer<Slab>?
    private var spare: UnsafeMutablePointer<Slab>?

    init(_ sizeClass: SizeClass) {
        let slabBytes = sizeClass.usesLargeSlabs ? SlabSource.largeSlabBytes : SlabSource.smallSlabBytes
        let usable = slabBytes - Slab.headerBytes
        let count = usable / sizeClass.requestBytes
        lock = SpinLock()
        // Blocks are stretched to share out what would be left over at the slab's end.
        blockBytes = usable / count & ~7
        blocksPerSlab = Int32(count)
        keepsSpare = !sizeClass.usesLargeSlabs
    }

    /// A block, or nil when a new slab must be added first. The caller holds the lock.
    mutating func takeBlock() -> UnsafeMutableRawPointer? {
        if partial == nil, let kept = takeSpare() { link(kept) }
        guard let slab = partial else { return nil }
        let block: UnsafeMutableRawPointer
        if let free = slab.pointee.freeBlock {
            block = free
            slab.pointee.freeBlock = free.load(as: UnsafeMutableRawPointer?.self)
        } else {
            let offset = Slab.headerBytes + Int(slab.pointee.freshIndex) * blockBytes
            block = UnsafeMutableRawPointer(slab) + offset
            slab.pointee.freshIndex += 1
        }
        slab.pointee.usedCount += 1
        if slab.pointee.usedCount == blocksPerSlab { unlink(slab) }
        return block
    }

    /// Takes a block back. Returns its slab when that is empty now and should go back to the system.
    /// The caller holds the lock.
    mutating func giveBlock(
        _ block: UnsafeMutableRawPointer,
        of slab: UnsafeMutablePointer<Slab>
    ) -> UnsafeMutablePointer<Slab>? {
        block.storeBytes(of: slab.pointee.freeBlock, as: UnsafeMutableRawPointer?.self)
        slab.pointee.freeBlock = block
        if slab.pointee.usedCount == blocksPerSlab { link(slab) }
        slab.pointee.usedCount -= 1
        guard slab.pointee.usedCount == 0 else { return nil }
        unlink(slab)
        if keepsSpare, spare == nil {
            spare = slab
            return nil
        }
        return slab
    }

    /// Adds a slab without used blocks. The caller holds the lock.
    mutating func link(_ slab: UnsafeMutablePointer<Slab>) {
        slab.pointee.previous = nil
        slab.pointee.next = partial
        partial?.pointee.previous = slab
        partial = slab
    }

    /// The kept empty slab, which this list forgets. The caller holds the lock.
    mutating func takeSpare() -> UnsafeMutablePointer<Slab>? {
        defer { spare = nil }
        return spare
    }

    private mutating func unlink(_ slab: UnsafeMutablePointer<Slab>) {
        if let previous = slab.pointee.previous {
            previous.pointee.next = slab.pointee.next
        } else {
            partial = slab.pointee.next
        }
        slab.pointee.next?.pointee.previous = slab.pointee.previous
    }
}
