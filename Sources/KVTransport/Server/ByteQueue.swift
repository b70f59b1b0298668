internal import Glibc

/// Raw bytes that a connection keeps between two passes of its loop: in at the end, out at the front. It has no
/// memory while it is empty.
struct ByteQueue: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var start = 0
    private(set) var count = 0
    /// The memory that it holds, in bytes.
    private(set) var capacity = 0

    deinit { free(base) }

    var isEmpty: Bool { count == 0 }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base.map { UnsafeRawPointer($0 + start) }, count: count)
    }

    /// The memory behind the last byte; `commit` what was written there.
    var room: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base.map { $0 + start + count }, count: capacity - start - count)
    }

    mutating func commit(_ byteCount: Int) {
        count += byteCount
        assert(start + count <= capacity, "more was committed than there is room")
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        if room.count < bytes.count { reserve(count + bytes.count) }
        room.copyMemory(from: bytes)
        commit(bytes.count)
    }

    /// Forgets the content; takes over a copy of `bytes`, which may not be its own.
    mutating func replace(with bytes: UnsafeRawBufferPointer) {
        count = 0
        start = 0
        if capacity < bytes.count || capacity > 2 * bytes.count { clear() }
        append(bytes)
    }

    /// Makes the memory at least `byteCount` bytes, content included.
    mutating func reserve(_ byteCount: Int) {
        if start > 0, let base {
            memmove(base, base + start, count)
            start = 0
        }
        guard byteCount > capacity else { return }
        guard let larger = realloc(base, byteCount) else { fatalError("out of memory for \(byteCount) bytes") }
        base = larger
        capacity = byteCount
    }

    mutating func consume(_ byteCount: Int) {
        assert(byteCount <= count, "more was consumed than there is")
        start += byteCount
        count -= byteCount
        if count == 0 { clear() }
    }

    mutating func clear() {
        free(base)
        base = nil
        start = 0
        count = 0
        capacity = 0
    }
}
