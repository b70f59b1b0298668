import Synchronization

/// Bounds how much memory goes back to the system under one hold of a stripe's lock: unmapping takes the kernel some 50 µs a
/// megabyte, which adds up when a segment of large values expires at once.
struct ReleaseBudget {
    private let allocator: Allocator
    private let start: Int
    private(set) var releasedBytes = 0

    private static let bytes = 1 << 20

    init(_ allocator: Allocator) {
        self.allocator = allocator
        start = allocator.state.pointee.allocatedBytes.load(ordering: .relaxed)
    }

    /// Looks at what was released. Other threads' allocations blur it a little, which does no harm.
    mutating func update() {
        releasedBytes = max(0, start - allocator.state.pointee.allocatedBytes.load(ordering: .relaxed))
    }

    var isSpent: Bool { releasedBytes >= Self.bytes }
}
