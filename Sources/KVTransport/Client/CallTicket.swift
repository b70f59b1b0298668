internal import KVWire
internal import Synchronization

/// Brings together a call's number and its task's cancellation, whichever comes first.
struct CallTicket: ~Copyable {
    private static let cancelled = UInt64.max
    private static let none = UInt64.max - 1

    /// The number, once there is one.
    private let state = Atomic(none)

    var isCancelled: Bool { state.load(ordering: .acquiring) == Self.cancelled }

    /// False = the task was cancelled before, and the call is left to the caller to end.
    func register(_ number: UInt32) -> Bool {
        state.compareExchange(expected: Self.none, desired: UInt64(number), ordering: .acquiringAndReleasing).exchanged
    }

    /// The call that is to be ended; nil if it has no number yet.
    func cancel() -> UInt32? {
        UInt32(exactly: state.exchange(Self.cancelled, ordering: .acquiringAndReleasing))
    }
}
