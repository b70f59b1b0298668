/// What the steps of maintenance cost, in slots looked at (about 10 ns each): the unit of its budgets.
enum MaintenanceCost {
    /// Finding a segment and looking at its header: two cache misses and a lock.
    static let segment = 16
    /// Freeing a record with all others of its segment.
    static let free = 16
    /// Replacing, moving or removing a record: the caches hold neither it, nor its neighbours, nor its slab's header.
    static let change = 32

    /// Giving memory back to the system, or copying so much of it: the kernel takes some 50 µs a megabyte.
    static func memory(bytes: Int) -> Int { max(0, bytes) >> 7 }
}
