internal import KVWire
internal import Synchronization

/// The writes that wait, so that a change of their route reaches them.
final class PendingWrites: Sendable {
    private struct State {
        var writes: [CallEvents<MutationResponse>?] = []
        var free: [Int] = []
    }

    private let state = Mutex(State())

    /// - Returns: the place to `remove` it from.
    func insert(_ events: CallEvents<MutationResponse>) -> Int {
        state.withLock { state in
            guard let place = state.free.popLast() else {
                state.writes.append(events)
                return state.writes.count - 1
            }
            state.writes[place] = events
            return place
        }
    }

    func remove(_ place: Int) {
        state.withLock { state in
            state.writes[place] = nil
            state.free.append(place)
        }
    }

    func post(_ event: CallEvent<MutationResponse>) {
        for events in state.withLock({ $0.writes }) { events?.post(event) }
    }
}
