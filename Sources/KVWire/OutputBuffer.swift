/// Bytes on their way out: a growing run of raw memory that encoders write into directly.
///
/// Use: `reserve` room for the most that may come, write, `commit` what was written. Owned by one thread.
public final class OutputBuffer {
    /// Lives in raw memory: properties of a class are guarded by checks at run time, which show in every response.
    @usableFromInline
    struct State {
        @usableFromInline var base: UnsafeMutableRawPointer
        @usableFromInline var capacity: Int
        @usableFromInline var count = 0

        @usableFromInline
        init(capacity: Int) {
            self.capacity = capacity
            base = .allocate(byteCount: capacity, alignment: 16)
        }
    }

    @usableFromInline let state: UnsafeMutablePointer<State>
    @usableFromInline let initialCapacity: Int

    package init(capacity: Int = 256 << 10) {
        initialCapacity = capacity
        state = .allocate(capacity: 1)
        state.initialize(to: State(capacity: capacity))
    }

    deinit {
        state.pointee.base.deallocate()
        state.deallocate()
    }

    /// The bytes written so far.
    @inlinable public var count: Int { state.pointee.count }
    @inlinable var capacity: Int { state.pointee.capacity }
    /// Where they begin.
    @inlinable public var base: UnsafeMutableRawPointer { state.pointee.base }
    @inlinable package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Where to write up to `byteCount` bytes. The pointer holds until the next `reserve`.
    @inlinable
    package func reserve(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if capacity - count < byteCount { grow(to: count + byteCount) }
        return base + count
    }

    @inlinable
    package func commit(_ byteCount: Int) {
        state.pointee.count += byteCount
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
        state.pointee.count = count
    }

    /// Forgets the content, and gives back memory that only an unusually large content needed: more than the answers to several
    /// Gets of large values, for which it would be taken anew each time.
    @inlinable
    public func clear() {
        state.pointee.count = 0
        if capacity > 8 * initialCapacity { shrink() }
    }

    @usableFromInline
    func shrink() {
        base.deallocate()
        state.pointee = State(capacity: initialCapacity)
    }

    @usableFromInline
    func grow(to needed: Int) {
        let newCapacity = max(needed, min(2 * capacity, capacity + (16 << 20)))
        let newBase = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        newBase.copyMemory(from: base, byteCount: count)
        base.deallocate()
        state.pointee.base = newBase
        state.pointee.capacity = newCapacity
    }
}
