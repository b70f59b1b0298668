import Glibc
import Synchronization

/// How far above the pool's limit an allocation may go.
enum Headroom {
    /// Stays below the limit.
    case none
    /// A sixteenth above the limit: for markers of keys that are not there, which must be kept even on a full node, and
    /// for smaller values in the place of larger ones, whose memory is free only once whole slabs are.
    case limited
    /// Any amount: for allocations that free more than they take.
    case unlimited
}

/// What the allocator of one node keeps. Its address is stable: tables refer to it by a raw pointer, without counting.
struct AllocatorState: ~Copyable {
    let keyHash: KeyHash
    let allocatedBytes = Atomic<Int>(0)
    let limitBytes: Atomic<Int>
    let isCompacting = Atomic<Bool>(false)
    var smallSlabs = SlabSource(slabBytes: SlabSource.smallSlabBytes)
    var largeSlabs = SlabSource(slabBytes: SlabSource.largeSlabBytes)
    let lists: UnsafeMutablePointer<SlabList>
}

/// Blocks of any size out of size-class slabs or pages. Thread-safe, with a lock per size class. A block's owner knows its
/// size, so blocks have no header.
struct Allocator {
    let state: UnsafeMutablePointer<AllocatorState>

    init(keyHash: KeyHash, limitBytes: Int) {
        let lists = UnsafeMutablePointer<SlabList>.allocate(capacity: SizeClass.count)
        for index in 0..<SizeClass.count {
            (lists + index).initialize(to: SlabList(SizeClass(index: index)))
        }
        state = .allocate(capacity: 1)
        state.initialize(to: AllocatorState(keyHash: keyHash, limitBytes: Atomic(limitBytes), lists: lists))
    }

    /// Gives back all slabs and the allocator itself.
    func destroy() {
        state.pointee.smallSlabs.releaseAll()
        state.pointee.largeSlabs.releaseAll()
        state.pointee.lists.deinitialize(count: SizeClass.count).deallocate()
        state.deinitialize(count: 1).deallocate()
    }

    var allocatedBytes: Int { state.pointee.allocatedBytes.load(ordering: .relaxed) }

    /// The bytes that a request really takes. Two requests of one capacity can use the same block.
    func capacity(_ bytes: Int) -> Int {
        bytes <= SizeClass.largestBytes ? list(SizeClass(bytes: bytes)).pointee.blockBytes : Pages.roundedUp(bytes)
    }

    /// A block for at least `bytes`, aligned to 8, or nil at the limit.
    func allocate(_ bytes: Int, headroom: Headroom) -> UnsafeMutableRawPointer? {
        guard bytes <= SizeClass.largestBytes else { return allocatePages(Pages.roundedUp(bytes), headroom) }
        let sizeClass = SizeClass(bytes: bytes)
        let list = list(sizeClass)
        list.pointee.lock.lock()
        if let block = list.pointee.takeBlock() {
            list.pointee.lock.unlock()
            return block
        }
        list.pointee.lock.unlock()
        guard let slab = takeSlab(sizeClass, headroom) else { return nil }
        list.pointee.lock.lock()
        defer { list.pointee.lock.unlock() }
        list.pointee.add(slab)
        return list.pointee.takeBlock()
    }

    /// Takes back a block that was allocated for `bytes`.
    func free(_ block: UnsafeMutableRawPointer, bytes: Int) {
        guard bytes <= SizeClass.largestBytes else {
            let pages = Pages.roundedUp(bytes)
            Pages.unmap(block, bytes: pages)
            state.pointee.allocatedBytes.subtract(pages, ordering: .relaxed)
            return
        }
        let sizeClass = SizeClass(bytes: bytes)
        let slab = slab(of: block, sizeClass)
        let list = list(sizeClass)
        list.pointee.lock.lock()
        let empty = list.pointee.giveBlock(block, of: slab)
        list.pointee.lock.unlock()
        if let empty { giveSlab(empty, sizeClass) }
    }

    private func allocatePages(_ bytes: Int, _ headroom: Headroom) -> UnsafeMutableRawPointer? {
        guard reserve(bytes, headroom) else { return nil }
        if let address = Pages.map(bytes: bytes) { return address }
        state.pointee.allocatedBytes.subtract(bytes, ordering: .relaxed)
        return nil
    }

    private func takeSlab(_ sizeClass: SizeClass, _ headroom: Headroom) -> UnsafeMutablePointer<Slab>? {
        let bytes = slabBytes(sizeClass)
        guard reserve(bytes, headroom) else { return nil }
        let slab = sizeClass.usesLargeSlabs ? state.pointee.largeSlabs.take() : state.pointee.smallSlabs.take()
        if slab == nil { state.pointee.allocatedBytes.subtract(bytes, ordering: .relaxed) }
        return slab
    }

    private func giveSlab(_ slab: UnsafeMutablePointer<Slab>, _ sizeClass: SizeClass) {
        if sizeClass.usesLargeSlabs { state.pointee.largeSlabs.give(slab) } else { state.pointee.smallSlabs.give(slab) }
        state.pointee.allocatedBytes.subtract(slabBytes(sizeClass), ordering: .relaxed)
    }

    /// Counts `bytes` as taken, unless that passes the limit even without the kept empty slabs.
    private func reserve(_ bytes: Int, _ headroom: Headroom) -> Bool {
        if tryReserve(bytes, headroom) { return true }
        for index in 0..<SizeClass.count {
            let list = list(SizeClass(index: index))
            list.pointee.lock.lock()
            let spare = list.pointee.takeSpare()
            list.pointee.lock.unlock()
            if let spare { giveSlab(spare, SizeClass(index: index)) }
        }
        return tryReserve(bytes, headroom)
    }

    private func tryReserve(_ bytes: Int, _ headroom: Headroom) -> Bool {
        let total = state.pointee.allocatedBytes.add(bytes, ordering: .relaxed).newValue
        let limit = state.pointee.limitBytes.load(ordering: .relaxed)
        let fits =
            switch headroom {
            case .none: total <= limit
            case .limited: total <= limit + limit >> 4
            case .unlimited: true
            }
        if limit == 0 || fits { return true }
        state.pointee.allocatedBytes.subtract(bytes, ordering: .relaxed)
        return false
    }

    func slab(of block: UnsafeMutableRawPointer, _ sizeClass: SizeClass) -> UnsafeMutablePointer<Slab> {
        let address = UInt(bitPattern: block) & ~UInt(bitPattern: slabBytes(sizeClass) - 1)
        return unsafe UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
    }

    func list(_ sizeClass: SizeClass) -> UnsafeMutablePointer<SlabList> {
        state.pointee.lists + sizeClass.index
    }

    private func slabBytes(_ sizeClass: SizeClass) -> Int {
        sizeClass.usesLargeSlabs ? SlabSource.largeSlabBytes : SlabSource.smallSlabBytes
    }
}
