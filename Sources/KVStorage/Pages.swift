import CLinux
import Glibc

/// Memory in whole pages, straight from the system.
enum Pages {
    static let pageBytes = sysconf(Int32(_SC_PAGESIZE))

    static func roundedUp(_ bytes: Int) -> Int {
        (bytes + pageBytes - 1) & ~(pageBytes - 1)
    }

    /// `bytes` (a multiple of the page size) of zeroed memory, or nil.
    static func map(bytes: Int) -> UnsafeMutableRawPointer? {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let address = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0)
        return address == MAP_FAILED ? nil : address
    }

    static func unmap(_ address: UnsafeMutableRawPointer, bytes: Int) {
        // A hole in a mapping can exceed the kernel's limit on mappings. Then the memory still goes back, and only
        // its addresses are lost, of which there are plenty.
        if munmap(address, bytes) != 0 { madvise(address, bytes, MADV_DONTNEED) }
    }

    /// Addresses aligned to `alignment` (a power of two) that cost no memory until they are touched, or nil.
    static func reserve(bytes: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        guard let start = map(bytes: bytes + alignment) else { return nil }
        let base = start.alignedUp(toMultipleOf: alignment)
        let before = base - start
        if before > 0 { munmap(start, before) }
        munmap(base + bytes, alignment - before)
        return base
    }
}
