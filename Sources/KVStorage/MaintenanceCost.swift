/// What the steps of maintenance cost, in nanoseconds or nearly so: the unit of its budgets. Estimates, because no code here
/// reads a clock.
enum MaintenanceCost {
    /// Finding a segment and looking at its header.
    static let segment = 150
    /// A look at a slot alone.
    static let slot = 2
    /// A look at a record.
    static let record = 60
    /// Freeing a record with all others of its segment.
    static let free = 120
    /// Replacing, moving or removing a record: the caches hold neither it, nor its neighbours, nor its slab's header.
    static let change = 250

    /// Giving memory back to the system, or copying so much of it.
    static func memory(bytes: Int) -> Int { max(0, bytes) >> 4 }
}
