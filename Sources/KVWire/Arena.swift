internal import CKeyValueProto
internal import CProtobufC

/// Memory that protobuf-c unpacks into: a pointer that only moves forward, and starts over with each batch.
///
/// An unpack that does not fit returns nil and leaves `isOverflown` set: that bounds what hostile input can allocate.
/// Owned by one thread.
package final class Arena {
    /// Lives at a fixed address, where the C allocator finds it.
    private struct State {
        var base: UnsafeMutableRawPointer
        var used: Int
        var capacity: Int
        var isOverflown: Bool
    }

    private let state: UnsafeMutablePointer<State>
    private let cAllocator: UnsafeMutablePointer<ProtobufCAllocator>
    private let initialCapacity: Int

    package init(capacity: Int) {
        initialCapacity = capacity
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(
                base: .allocate(byteCount: capacity, alignment: 16),
                used: 0,
                capacity: capacity,
                isOverflown: false
            )
        )
        cAllocator = .allocate(capacity: 1)
        cAllocator.initialize(
            to: ProtobufCAllocator(
                alloc: { data, size in
                    let state = data!.assumingMemoryBound(to: State.self)
                    let used = state.pointee.used
                    let next = used + (size + 15) & ~15
                    if next > state.pointee.capacity {
                        state.pointee.isOverflown = true
                        return nil
                    }
                    state.pointee.used = next
                    return state.pointee.base + used
                },
                free: { _, _ in },
                allocator_data: UnsafeMutableRawPointer(state)
            )
        )
    }

    deinit {
        state.pointee.base.deallocate()
        state.deallocate()
        cAllocator.deallocate()
    }

    /// An allocation failed since the last `reset`.
    package var isOverflown: Bool { state.pointee.isOverflown }
    package var isEmpty: Bool { state.pointee.used == 0 }

    /// Frees everything, and makes room for at least `capacity` bytes; memory beyond the initial capacity is kept
    /// only as long as it is asked for.
    package func reset(capacity: Int = 0) {
        let wanted = max(capacity, initialCapacity)
        if wanted > state.pointee.capacity || state.pointee.capacity > max(wanted, 4 * initialCapacity) {
            state.pointee.base.deallocate()
            state.pointee.base = .allocate(byteCount: wanted, alignment: 16)
            state.pointee.capacity = wanted
        }
        state.pointee.used = 0
        state.pointee.isOverflown = false
    }

    var allocator: UnsafeMutableRawPointer { UnsafeMutableRawPointer(cAllocator) }

    /// Uninitialised room for `count` values.
    func allocate<T>(_ type: T.Type, count: Int) -> UnsafeMutablePointer<T>? {
        cAllocator.pointee.alloc(cAllocator.pointee.allocator_data, count * MemoryLayout<T>.stride)?
            .bindMemory(to: type, capacity: count)
    }
}
