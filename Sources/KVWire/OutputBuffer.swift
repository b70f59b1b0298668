/// Bytes on their way out: a growing run of raw memory that encoders write into directly.
///
/// Use: `reserve` room for the most that may come, write, `commit` what was written. Owned by one thread.
package final class OutputBuffer {
    @usableFromInline package private(set) var base: UnsafeMutableRawPointer
    @usableFromInline package private(set) var capacity: Int
    /// The bytes written so far.
    package private(set) var count = 0

    private let initialCapacity: Int

    package init(capacity: Int = 256 << 10) {
        initialCapacity = capacity
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Where to write up to `byteCount` bytes. The pointer holds until the next `reserve`.
    package func reserve(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if capacity - count < byteCount { grow(to: count + byteCount) }
        return base + count
    }

    package func commit(_ byteCount: Int) {
        count += byteCount
        assert(count <= capacity, "more was committed than reserved")
    }

    package func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count).copyMemory(from: source, byteCount: bytes.count)
        commit(bytes.count)
    }

    /// Takes back what was written after `count` was read.
    package func truncate(to count: Int) {
        assert(count <= self.count)
        self.count = count
    }

    /// Forgets the content, and gives back memory that only an unusually large content needed.
    package func clear() {
        count = 0
        if capacity > 4 * initialCapacity {
            base.deallocate()
            capacity = initialCapacity
            base = .allocate(byteCount: capacity, alignment: 16)
        }
    }

    private func grow(to needed: Int) {
        let newCapacity = max(needed, min(2 * capacity, capacity + (16 << 20)))
        let newBase = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        newBase.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = newBase
        capacity = newCapacity
    }
}
