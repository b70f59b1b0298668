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
        var phase = 0
        /// How many actions of the phase are under way, and how many of all.
        var outstanding = 0
        var outstandingOfAll = 0
        /// A closure, for a continuation's size is not known to the compiler.
        var wake: (@Sendable ([WriteEvent]) -> Void)?

        var isDue: Bool { !events.isEmpty && (outstanding == 0 || events.contains(where: \.isUrgent)) }
    }

    private let state = Mutex(State())

    var hasOutstanding: Bool { state.withLock { $0.outstandingOfAll > 0 } }

    /// `count` actions of a phase are about to begin; `ended` tells the end of each. Those of earlier phases are not waited
    /// for any more.
    func began(_ count: Int, phase: Int) {
        state.withLock { state in
            if phase != state.phase { state.outstanding = 0 }
            state.phase = phase
            state.outstanding += count
            state.outstandingOfAll += count
        }
    }

    func ended(_ event: WriteEvent, phase: Int) { post(event, endedPhase: phase) }

    func post(_ event: WriteEvent) { post(event, endedPhase: nil) }

    private func post(_ event: WriteEvent, endedPhase: Int?) {
        let due = state.withLock { state -> (wake: @Sendable ([WriteEvent]) -> Void, events: [WriteEvent])? in
            if let endedPhase {
                if endedPhase == state.phase { state.outstanding -= 1 }
                state.outstandingOfAll -= 1
            }
            state.events.append(event)
            guard state.isDue, let wake = state.wake.take() else { return nil }
            defer { state.events.removeAll() }
            return (wake, state.events)
        }
        if let due { due.wake(due.events) }
    }

    /// All events since the last call; waits until one of them matters, or no action of the phase is under way.
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
