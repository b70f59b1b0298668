import Histogram
import Synchronization

/// How long requests took, over time: a line for each kind of request and interval in which any ended.
final class LatencyLog: Sendable {
    static let intervalMilliseconds: UInt64 = 100
    static let header = "unix_ms\toperation\tsucceeded\tfailed\tp50_us\tp99_us\tmax_us"

    private struct State {
        /// Counted since 1970.
        var interval: UInt64 = 0
        var gets = OperationResult()
        var sets = OperationResult()
    }

    private let wallMilliseconds: @Sendable () -> UInt64
    private let write: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - wallMilliseconds: Since 1970, so that lines can be laid beside what others saw.
    ///   - write: Takes a line; called in the lines' order.
    init(wallMilliseconds: @escaping @Sendable () -> UInt64, write: @escaping @Sendable (String) -> Void) {
        self.wallMilliseconds = wallMilliseconds
        self.write = write
        write(Self.header)
    }

    func recordGet(latencyMicroseconds: UInt64, isSuccess: Bool) {
        record(\.gets, latencyMicroseconds, isSuccess)
    }

    func recordSet(latencyMicroseconds: UInt64, isSuccess: Bool) {
        record(\.sets, latencyMicroseconds, isSuccess)
    }

    /// Writes what is left, once the last request has ended.
    func finish() {
        state.withLock { writeLines(&$0) }
    }

    private func record(_ kind: WritableKeyPath<State, OperationResult>, _ latency: UInt64, _ isSuccess: Bool) {
        state.withLock { state in
            let interval = wallMilliseconds() / Self.intervalMilliseconds
            // A clock that is set back must not bring lines out of order.
            if interval > state.interval {
                writeLines(&state)
                state = State(interval: interval)
            }
            state[keyPath: kind].record(latencyMicroseconds: latency, isSuccess: isSuccess)
        }
    }

    private func writeLines(_ state: inout State) {
        let begin = state.interval * Self.intervalMilliseconds
        for (name, result) in [("get", state.gets), ("set", state.sets)] where result.total > 0 {
            let latencies =
                result.succeeded == 0
                ? "-\t-\t-"
                : [
                    result.latencies.valueAtPercentile(50), result.latencies.valueAtPercentile(99),
                    result.latencies.maxRecorded,
                ].map(String.init).joined(separator: "\t")
            write("\(begin)\t\(name)\t\(result.succeeded)\t\(result.failed)\t\(latencies)")
        }
    }
}
