import CLinux
import Glibc

/// A reserved range of addresses that slabs are taken from. Pages cost memory only while a slab uses them; the range
/// itself stays reserved, which keeps the kernel's list of mappings short however slabs come and go.
struct SlabRegion {
    let base: UnsafeMutableRawPointer
    /// Slabs from this index on were never taken.
    var freshIndex = 0
    /// The indices of slabs given back, as a stack.
    let returned: UnsafeMutablePointer<UInt16>
    var returnedCount = 0
    var nextAvailable: UnsafeMutablePointer<SlabRegion>?
    let nextRegion: UnsafeMutablePointer<SlabRegion>?

    static let bytes = 64 << 20
}

/// Gives out slabs of one size, each aligned to its size. Thread-safe.
struct SlabSource: ~Copyable {
    static let smallSlabBytes = 64 << 10
    static let largeSlabBytes = 512 << 10

    let slabBytes: Int
    private let lock = SpinLock()
    private var regions: UnsafeMutablePointer<SlabRegion>?
    private var available: UnsafeMutablePointer<SlabRegion>?

    init(slabBytes: Int) {
        self.slabBytes = slabBytes
    }

    /// A slab with no block used, or nil when the system gives no more.
    mutating func take() -> UnsafeMutablePointer<Slab>? {
        lock.lock()
        defer { lock.unlock() }
        if available == nil { addRegion() }
        guard let region = available else { return nil }
        let index: Int
        if region.pointee.returnedCount > 0 {
            region.pointee.returnedCount -= 1
            index = Int(region.pointee.returned[region.pointee.returnedCount])
        } else {
            index = region.pointee.freshIndex
            region.pointee.freshIndex += 1
        }
        if isExhausted(region) { available = region.pointee.nextAvailable }
        let slab = (region.pointee.base + index * slabBytes).assumingMemoryBound(to: Slab.self)
        slab.initialize(to: Slab(freshIndex: 0, usedCount: 0, region: region))
        return slab
    }

    /// Gives a slab's memory back to the system.
    mutating func give(_ slab: UnsafeMutablePointer<Slab>) {
        let region = slab.pointee.region
        let index = (UnsafeMutableRawPointer(slab) - region.pointee.base) / slabBytes
        madvise(slab, slabBytes, MADV_DONTNEED)
        lock.lock()
        defer { lock.unlock() }
        if isExhausted(region) {
            region.pointee.nextAvailable = available
            available = region
        }
        region.pointee.returned[region.pointee.returnedCount] = UInt16(index)
        region.pointee.returnedCount += 1
    }

    /// Gives every region back. No slab may be used any more.
    mutating func releaseAll() {
        while let region = regions {
            regions = region.pointee.nextRegion
            munmap(region.pointee.base, SlabRegion.bytes)
            region.pointee.returned.deallocate()
            region.deallocate()
        }
        available = nil
    }

    private var slabsPerRegion: Int { SlabRegion.bytes / slabBytes }

    private func isExhausted(_ region: UnsafeMutablePointer<SlabRegion>) -> Bool {
        region.pointee.returnedCount == 0 && region.pointee.freshIndex == slabsPerRegion
    }

    private mutating func addRegion() {
        guard let base = Pages.reserve(bytes: SlabRegion.bytes, alignment: slabBytes) else { return }
        let region = UnsafeMutablePointer<SlabRegion>.allocate(capacity: 1)
        region.initialize(
            to: SlabRegion(base: base, returned: .allocate(capacity: slabsPerRegion), nextRegion: regions)
        )
        regions = region
        available = region
    }
}
