/// What the steps of maintenance cost, in slots looked at (about 10 ns each): the unit of its budgets.
enum MaintenanceCost {
    /// Finding a segment and looking at its header: two cache misses and a lock.
    static let segment = 16
    /// Freeing, moving or replacing a record.
    static let change = 8

    /// Giving memory back to the system, or moving so much of it.
    static func memory(bytes: Int) -> Int { bytes >> 7 }
}
