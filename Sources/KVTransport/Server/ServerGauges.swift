internal import Synchronization

/// What the loops of one server share: its state, and what their connections hold together.
final class ServerGauges: Sendable {
    let isDraining = Atomic<Bool>(false)
    let isStopping = Atomic<Bool>(false)
    let connectionCount = Atomic<Int>(0)
    let inputBytes = Atomic<Int>(0)
    let outputBytes = Atomic<Int>(0)
}
