import Synchronization

/// Bounds how much memory goes back to the system under one hold of a stripe's lock: unmapping takes the kernel some 50 µs a
/// megabyte, which adds up when a segment of large values expires at once.
struct ReleaseBudget {
    private let allocator: Allocator
    private let end: Int
    private(set) var isSpent = false

    private static let bytes = 4 << 20

    init(_ allocator: Allocator) {
        self.allocator = allocator
        end = allocator.state.pointee.allocatedBytes.load(ordering: .relaxed) - Self.bytes
    }

    /// Looks at what was released. Other threads' allocations blur it a little, which does no harm.
    mutating func update() {
        isSpent = allocator.state.pointee.allocatedBytes.load(ordering: .relaxed) <= end
    }
}
