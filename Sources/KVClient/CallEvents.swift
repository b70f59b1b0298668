internal import KVCore
internal import KVWire
internal import Synchronization

/// What a call that has several requests under way waits for.
enum CallEvent<Response: GatheredResponse>: Sendable {
    case answered(node: String, phase: Int, Result<Response, RPCError>)
    /// - Parameters:
    ///   - node: whom to ask again; nil = all.
    ///   - phase: 0 = it is time to ask one more.
    case waited(node: String?, phase: Int)
    /// The client may route by another map or view.
    case routeChanged
    /// The caller left.
    case cancelled

    /// A mere answer decides nothing as long as others are due.
    var isMereAnswer: Bool {
        if case .answered(_, _, .success(let response)) = self { response.isMere } else { false }
    }
}

/// A response of which a call gathers several.
protocol GatheredResponse: Sendable {
    /// It counts, and says nothing else.
    var isMere: Bool { get }
}

extension MutationResponse: GatheredResponse {
    var isMere: Bool { superseded.isNone }
}

extension GetResponse: GatheredResponse {
    var isMere: Bool { true }
}

/// Brings the ends of all actions of a call to the one task that waits for them: it is woken when there is something to decide,
/// not by each answer.
final class CallEvents<Response: GatheredResponse>: Sendable {
    typealias Event = CallEvent<Response>

    /// Whom to give the events. An unchecked continuation, which saves the two objects of a checked one: who takes the waiter
    /// resumes it, once.
    private enum Waiter {
        case task(UnsafeContinuation<[Event], Never>)
        case handler(@Sendable ([Event]) -> Void)

        func callAsFunction(_ events: [Event]) {
            switch self {
            case .task(let continuation): continuation.resume(returning: events)
            case .handler(let handle): handle(events)
            }
        }
    }

    private struct State {
        var events: [Event] = []
        var phase = 0
        /// How many mere answers matter.
        var missing = 0
        /// How many actions of the phase are under way, and how many of all.
        var outstanding = 0
        var outstandingOfAll = 0
        var waiter: Waiter?

        var isDue: Bool {
            !events.isEmpty && (outstanding == 0 || events.count >= missing || !events.allSatisfy(\.isMereAnswer))
        }

        mutating func takeEvents() -> [Event] {
            defer { events.removeAll() }
            return events
        }
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

    func ended(_ event: Event, phase: Int) { post(event, endedPhase: phase) }

    func post(_ event: Event) { post(event, endedPhase: nil) }

    private func post(_ event: Event, endedPhase: Int?) {
        let due = state.withLock { state -> (waiter: Waiter, events: [Event])? in
            if let endedPhase {
                if endedPhase == state.phase { state.outstanding -= 1 }
                state.outstandingOfAll -= 1
            }
            state.events.append(event)
            guard state.isDue, let waiter = state.waiter.take() else { return nil }
            return (waiter, state.takeEvents())
        }
        if let due { due.waiter(due.events) }
    }

    /// All events since the last call; waits until one of them matters, or no action of the phase is under way.
    /// - Parameter missing: how many mere answers matter.
    func next(missing: Int) async -> [Event] {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let events = state.withLock { state -> [Event]? in
                    state.missing = missing
                    guard state.isDue else {
                        state.waiter = .task(continuation)
                        return nil
                    }
                    return state.takeEvents()
                }
                if let events { continuation.resume(returning: events) }
            }
        } onCancel: {
            post(.cancelled)
        }
    }

    /// Nobody waits any more. `handle` is given the rest once: when something is not a mere answer, or all has ended.
    func handOver(_ handle: @escaping @Sendable ([Event]) -> Void) {
        let events = state.withLock { state -> [Event]? in
            state.missing = .max
            if state.outstanding == 0 || state.isDue { return state.takeEvents() }
            state.waiter = .handler(handle)
            return nil
        }
        if let events { handle(events) }
    }
}
