import Synchronization

/// What the requests of a run report to: it keeps each key's history, judges answers, counts.
final class StressRecorder: Sendable {
    /// A Get's or Set's place in the records while it runs.
    struct Ticket {
        let keyIndex: Int
        let began: UInt64
        /// Of a Set.
        var sequence: UInt64 = 0
    }

    private struct State {
        var summary: StressSummary
        var histories: [KeyHistory]
        var lastFailure: StressFailure?

        /// Whether it succeeded; a failure is counted by its code.
        mutating func note<Success>(_ result: Result<Success, StressFailure>) -> Bool {
            guard case .failure(let failure) = result else { return true }
            summary.failures[failure.code, default: 0] += 1
            lastFailure = failure
            return false
        }
    }

    private let rules: KeyHistory.Rules
    private let ttl: UInt64
    private let now: @Sendable () -> UInt64
    private let state: Mutex<State>

    /// - Parameter now: nanoseconds of a clock that never goes back.
    init(configuration: StressConfiguration, now: @escaping @Sendable () -> UInt64) {
        rules = configuration.rules
        ttl = configuration.ttl.saturatedNanoseconds
        self.now = now
        let summary = StressSummary(wrongAnswers: configuration.isChecking ? 0 : nil)
        state = Mutex(State(summary: summary, histories: Array(repeating: KeyHistory(), count: configuration.keyCount)))
    }

    var summary: StressSummary { state.withLock(\.summary) }
    var lastFailure: StressFailure? { state.withLock(\.lastFailure) }

    func holdBack() {
        state.withLock { $0.summary.heldBack += 1 }
    }

    // A begin is timed under the lock, so that a key's history sees begins in order.

    func beginGet(keyIndex: Int) -> Ticket {
        state.withLock { state in
            let began = now()
            state.histories[keyIndex].beginGet(at: began)
            return Ticket(keyIndex: keyIndex, began: began)
        }
    }

    func beginSet(keyIndex: Int) -> Ticket {
        state.withLock { state in
            let began = now()
            let sequence = state.histories[keyIndex].beginSet(at: began, ttl: ttl)
            return Ticket(keyIndex: keyIndex, began: began, sequence: sequence)
        }
    }

    /// - Returns: How long it took, in microseconds, and what is wrong with the answer.
    func endGet(
        _ ticket: Ticket,
        _ result: Result<KeyHistory.Answer, StressFailure>
    ) -> (latencyMicroseconds: UInt64, wrong: WrongAnswer?) {
        let ended = now()
        let latency = (ended - ticket.began) / 1000
        return state.withLock { state in
            let isSuccess = state.note(result)
            state.summary.gets.record(latencyMicroseconds: latency, isSuccess: isSuccess)
            let wrong = state.histories[ticket.keyIndex].endGet(
                began: ticket.began,
                answer: try? result.get(),
                at: ended,
                rules: rules
            )
            guard let wrong, let count = state.summary.wrongAnswers else { return (latency, nil) }
            state.summary.wrongAnswers = count + 1
            return (latency, wrong)
        }
    }

    /// - Returns: How long it took, in microseconds.
    func endSet(_ ticket: Ticket, _ result: Result<Void, StressFailure>) -> UInt64 {
        let ended = now()
        let latency = (ended - ticket.began) / 1000
        let outcome: KeyHistory.Outcome =
            switch result {
            case .success: .acknowledged
            case .failure(let failure): failure.isIndeterminate ? .indeterminate : .refused
            }
        state.withLock { state in
            let isSuccess = state.note(result)
            state.summary.sets.record(latencyMicroseconds: latency, isSuccess: isSuccess)
            state.histories[ticket.keyIndex].endSet(sequence: ticket.sequence, outcome: outcome, at: ended)
        }
        return latency
    }
}
