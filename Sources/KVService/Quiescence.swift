import KVStorage
import Synchronization

/// Knows when no thread can still use a store that was taken out of the table, though using one counts nothing.
///
/// Each thread counts its passages: odd = inside one, so it may use any store it finds in the table. A store that was
/// taken out is unused once each thread that was inside at that moment has ended that passage. A thread that idles is
/// outside, and holds nothing up.
final class Quiescence: Sendable {
    /// One thread's counter, in a cache line of its own.
    struct Passages: @unchecked Sendable {
        fileprivate let count: UnsafeMutablePointer<Atomic<UInt64>>

        /// Sequentially consistent: the reads of the table that follow are not done before the count is seen.
        func begin() { count.pointee.add(1, ordering: .sequentiallyConsistent) }
        /// No other thread writes the count, so a plain store does.
        func end() {
            count.pointee.store(count.pointee.load(ordering: .relaxed) + 1, ordering: .releasing)
        }
    }

    /// A store that waits for the passages under way when it was taken out.
    private struct Retired {
        let store: ShardStore
        var awaited: [(passages: Passages, count: UInt64)]
    }

    private struct State {
        var passages: [Passages] = []
        var retired: [Retired] = []
        /// How many uses outside of a passage each store has.
        var pins: [ObjectIdentifier: Int] = [:]
    }

    private static let cacheLineBytes = 128
    private let state = Mutex(State())

    deinit {
        state.withLock { state in
            for passages in state.passages {
                UnsafeMutableRawPointer(passages.count).deallocate()
            }
        }
    }

    func makePassages() -> Passages {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: Self.cacheLineBytes,
            alignment: Self.cacheLineBytes
        )
        let count = memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        count.initialize(to: Atomic(0))
        let passages = Passages(count: count)
        state.withLock { $0.passages.append(passages) }
        return passages
    }

    /// Keeps a store that is in the table from being released, for work outside of a passage, until `unpin`.
    func pin(_ store: ShardStore) {
        state.withLock { $0.pins[ObjectIdentifier(store), default: 0] += 1 }
    }

    func unpin(_ store: ShardStore) {
        state.withLock { state in
            let identifier = ObjectIdentifier(store)
            let count = state.pins[identifier, default: 0]
            precondition(count > 0, "only a pinned store is unpinned")
            state.pins[identifier] = count > 1 ? count - 1 : nil
        }
    }

    /// Takes over a store that is in the table no more.
    func retire(_ store: ShardStore) {
        state.withLock { state in
            let awaited = state.passages.compactMap { passages in
                let count = passages.count.pointee.load(ordering: .sequentiallyConsistent)
                return count & 1 == 1 ? (passages, count) : nil
            }
            state.retired.append(Retired(store: store, awaited: awaited))
        }
    }

    /// Works about `budget` nanoseconds at freeing retired stores; true when none is left.
    func release(budget: Int) -> Bool {
        let next: Retired? = state.withLock { state in
            for index in state.retired.indices {
                state.retired[index].awaited.removeAll { passages, count in
                    passages.count.pointee.load(ordering: .acquiring) != count
                }
            }
            let index = state.retired.firstIndex { retired in
                retired.awaited.isEmpty && state.pins[ObjectIdentifier(retired.store)] == nil
            }
            guard let index else { return nil }
            return state.retired.remove(at: index)
        }
        if let next, !next.store.release(budget: budget) {
            state.withLock { $0.retired.append(next) }
        }
        return state.withLock { $0.retired.isEmpty }
    }
}
