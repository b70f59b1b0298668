internal import KVCore
internal import KVWire
internal import Synchronization

/// What a write waits for.
enum WriteEvent: Sendable {
    case answered(node: String, phase: Int, Result<MutationResponse, RPCError>)
    case waited(node: String, phase: Int)
    /// The client follows another map.
    case mapChanged
    /// The caller left.
    case cancelled

    /// A mere acknowledgement decides nothing as long as others are due.
    fileprivate var isUrgent: Bool {
        if case .answered(_, _, .success(let response)) = self { !response.superseded.isNone } else { true }
    }
}

/// Brings the ends of all actions of a write to the one task that waits for them: it is woken when there is something to decide,
/// not by each acknowledgement.
final class WriteEvents: Sendable {
    private struct State {
        var events: [WriteEvent] = []
        /// How many actions are under way.
        var outstanding = 0
        /// A closure, for a continuation's size is not known to the compiler.
        var wake: (@Sendable ([WriteEvent]) -> Void)?

        var isDue: Bool { !events.isEmpty && (outstanding == 0 || events.contains(where: \.isUrgent)) }
    }

    private let state = Mutex(State())

    var hasOutstanding: Bool { state.withLock { $0.outstanding > 0 } }

    /// `count` actions are about to begin; `ended` tells the end of each.
    func began(_ count: Int) {
        state.withLock { $0.outstanding += count }
    }

    func ended(_ event: WriteEvent) { post(event, ended: 1) }

    func post(_ event: WriteEvent) { post(event, ended: 0) }

    private func post(_ event: WriteEvent, ended: Int) {
        let due = state.withLock { state -> (wake: @Sendable ([WriteEvent]) -> Void, events: [WriteEvent])? in
            state.outstanding -= ended
            state.events.append(event)
            guard state.isDue, let wake = state.wake.take() else { return nil }
            defer { state.events.removeAll() }
            return (wake, state.events)
        }
        if let due { due.wake(due.events) }
    }

    /// All events since the last call; waits until one of them matters, or no action is under way.
    func next() async -> [WriteEvent] {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let events = state.withLock { state -> [WriteEvent]? in
                    guard state.isDue else {
                        state.wake = { continuation.resume(returning: $0) }
                        return nil
                    }
                    defer { state.events.removeAll() }
                    return state.events
                }
                if let events { continuation.resume(returning: events) }
            }
        } onCancel: {
            post(.cancelled)
        }
    }
}

/// The writes that wait, so that a change of the map reaches them.
final class PendingWrites: Sendable {
    private struct State {
        var writes: [WriteEvents?] = []
        var free: [Int] = []
    }

    private let state = Mutex(State())

    /// - Returns: the place to `remove` it from.
    func insert(_ events: WriteEvents) -> Int {
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

    func post(_ event: WriteEvent) {
        for events in state.withLock({ $0.writes }) { events?.post(event) }
    }
}
