import CLinux
import Glibc
public import Synchronization

/// A lock of four bytes for critical sections far shorter than a system call. It lives in raw memory beside what it
/// guards, so that taking it loads the data's cache line too. Spins briefly, then yields the processor: the holder may
/// have been preempted.
@usableFromInline
struct SpinLock: ~Copyable {
    @usableFromInline let state: Atomic<UInt32>

    @inlinable
    init() { state = Atomic(0) }

    @inlinable
    borrowing func lock() {
        if state.exchange(1, ordering: .acquiring) != 0 { wait() }
    }

    @inlinable
    borrowing func unlock() {
        state.store(0, ordering: .releasing)
    }

    @usableFromInline @inline(never)
    borrowing func wait() {
        var turns = 0
        repeat {
            // Looks without writing, so that the waiting cores share the line until it is free.
            while state.load(ordering: .relaxed) != 0 {
                turns += 1
                if turns < Self.turnsBeforeYielding { linux_spin_hint() } else { sched_yield() }
            }
        } while state.exchange(1, ordering: .acquiring) != 0
    }

    private static let turnsBeforeYielding = 64
}
