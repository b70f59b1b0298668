internal import Synchronization

/// What a history is doing, to be told if it does not come to its end.
final class Progress: Sendable {
    private struct State {
        var steps: [Int: String] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// - Returns: for `end`.
    func begin(_ step: String) -> Int {
        state.withLock { state in
            state.count += 1
            state.steps[state.count] = step
            return state.count
        }
    }

    func end(_ number: Int) { state.withLock { $0.steps[number] = nil } }

    /// Those that have begun and not ended, in the order of their beginning.
    var underWay: [String] { state.withLock { $0.steps.sorted { $0.key < $1.key }.map(\.value) } }
}
