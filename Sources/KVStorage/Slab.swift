import Synchronization

/// The header at the start of a slab: an aligned run of memory cut into blocks of one size class. Blocks carry no header:
/// masking a block's address finds its slab. Free blocks are linked through their own first word.
struct Slab {
    var freeBlock: UnsafeMutableRawPointer?
    /// Blocks from this index on were never used: their pages need not be touched to link them.
    var freshIndex: Int32
    var usedCount: Int32
    /// Its blocks are being moved to other slabs; none is taken from it.
    var isEvacuating = false
    var next: UnsafeMutablePointer<Slab>?
    var previous: UnsafeMutablePointer<Slab>?
    let region: UnsafeMutablePointer<SlabRegion>

    static let headerBytes = 64
}

/// The slabs of one size class. Full slabs are in no list; one empty small slab is kept, so that a single key that comes
/// and goes does not cost system calls. Everything but `isCompacting` needs the lock held.
struct SlabList: ~Copyable {
    let lock: SpinLock
    let blockBytes: Int
    let blocksPerSlab: Int32
    let keepsSpare: Bool
    /// Whether some slabs are to be emptied. Read without the lock.
    let isCompacting = Atomic<Bool>(false)
    /// How many slabs may yet be chosen to be emptied.
    var evacuationQuota = 0
    /// The slabs that hold blocks, and those blocks.
    private(set) var slabCount = 0
    private(set) var usedCount = 0
    private(set) var partial: UnsafeMutablePointer<Slab>?
    private(set) var evacuating: UnsafeMutablePointer<Slab>?
    private(set) var evacuatingCount = 0
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

    /// A block, or nil when a new slab must be added first.
    mutating func takeBlock() -> UnsafeMutableRawPointer? {
        if partial == nil { refillPartial() }
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
        usedCount += 1
        if slab.pointee.usedCount == blocksPerSlab { unlink(slab) }
        return block
    }

    /// Takes a block back. Returns its slab when that is empty now and should go back to the system.
    mutating func giveBlock(
        _ block: UnsafeMutableRawPointer,
        of slab: UnsafeMutablePointer<Slab>
    ) -> UnsafeMutablePointer<Slab>? {
        block.storeBytes(of: slab.pointee.freeBlock, as: UnsafeMutableRawPointer?.self)
        slab.pointee.freeBlock = block
        if slab.pointee.usedCount == blocksPerSlab { link(slab) }
        slab.pointee.usedCount -= 1
        usedCount -= 1
        guard slab.pointee.usedCount == 0 else { return nil }
        unlink(slab)
        slabCount -= 1
        if keepsSpare, spare == nil {
            spare = slab
            return nil
        }
        return slab
    }

    /// Adds a slab without used blocks.
    mutating func add(_ slab: UnsafeMutablePointer<Slab>) {
        slabCount += 1
        slab.pointee.isEvacuating = false
        link(slab)
    }

    /// From now on no block is taken from a slab that has free ones, until it is reinstated.
    mutating func evacuate(_ slab: UnsafeMutablePointer<Slab>) {
        unlink(slab)
        slab.pointee.isEvacuating = true
        link(slab)
    }

    /// Lets blocks be taken again from one of the slabs that were to be emptied.
    mutating func reinstate() {
        guard let slab = evacuating else { return }
        unlink(slab)
        slab.pointee.isEvacuating = false
        link(slab)
    }

    private mutating func refillPartial() {
        if let kept = takeSpare() { add(kept) } else { reinstate() }
    }

    /// The kept empty slab, which this list forgets.
    mutating func takeSpare() -> UnsafeMutablePointer<Slab>? {
        defer { spare = nil }
        return spare
    }

    private mutating func link(_ slab: UnsafeMutablePointer<Slab>) {
        let first = slab.pointee.isEvacuating ? evacuating : partial
        slab.pointee.previous = nil
        slab.pointee.next = first
        first?.pointee.previous = slab
        if slab.pointee.isEvacuating {
            evacuating = slab
            evacuatingCount += 1
        } else {
            partial = slab
        }
    }

    private mutating func unlink(_ slab: UnsafeMutablePointer<Slab>) {
        if slab.pointee.isEvacuating { evacuatingCount -= 1 }
        if let previous = slab.pointee.previous {
            previous.pointee.next = slab.pointee.next
        } else if slab.pointee.isEvacuating {
            evacuating = slab.pointee.next
        } else {
            partial = slab.pointee.next
        }
        slab.pointee.next?.pointee.previous = slab.pointee.previous
    }
}
