import Glibc
import Synchronization

/// What a run says while it runs: a sampled request a second, where somebody watches, and every wrong answer up to a limit.
final class StressLog: Sendable {
    private struct State {
        var lastSampleSecond: time_t = 0
        var reportedCount = 0
    }

    static let maxReports = 100

    private let isVerbose: Bool
    private let write: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - isVerbose: Whether to show progress.
    ///   - write: Takes a line.
    init(isVerbose: Bool, write: @escaping @Sendable (String) -> Void) {
        self.isVerbose = isVerbose
        self.write = write
    }

    func begin(_ operation: String, perSecond: Double) {
        guard isVerbose else { return }
        let rate = perSecond == perSecond.rounded() ? String(Int(perSecond)) : String(perSecond)
        write("INFO[\(Self.timestamp(time(nil)))] Running \(operation) stress test at \(rate) QPS")
    }

    /// Shows the first request that ends in a second.
    func sample<Success>(
        _ operation: String,
        _ result: Result<Success, StressFailure>,
        key: [UInt8],
        latencyMicroseconds: UInt64
    ) {
        guard isVerbose else { return }
        let now = time(nil)
        let isDue = state.withLock { state in
            defer { state.lastSampleSecond = now }
            return state.lastSampleSecond != now
        }
        if isDue {
            write(Self.sampledLine(operation, result, key: key, latencyMicroseconds: latencyMicroseconds, at: now))
        }
    }

    func report(_ wrong: WrongAnswer, key: [UInt8]) {
        let count = state.withLock { state in
            state.reportedCount += 1
            return state.reportedCount
        }
        if count <= Self.maxReports {
            write(
                "ERROR[\(Self.timestamp(time(nil)))] wrong answer: get \(String(decoding: key, as: UTF8.self)): \(wrong)"
            )
        }
        if count == Self.maxReports { write("(further wrong answers are only counted)") }
    }

    /// `INFO[…] [sampled] get OK      key=… latency_us=…`; a failure's code stands for OK.
    static func sampledLine<Success>(
        _ operation: String,
        _ result: Result<Success, StressFailure>,
        key: [UInt8],
        latencyMicroseconds: UInt64,
        at seconds: time_t
    ) -> String {
        let outcome =
            switch result {
            case .success: "OK"
            case .failure(let failure): failure.code
            }
        let message = "[sampled] \(operation) \(outcome)".padded(to: 44)
        let key = String(decoding: key, as: UTF8.self)
        return "INFO[\(timestamp(seconds))] \(message)  key=\(key) latency_us=\(latencyMicroseconds)"
    }

    /// Local time by RFC 3339: `2024-11-05T01:24:38-05:00`.
    private static func timestamp(_ seconds: time_t) -> String {
        var seconds = seconds
        var local = tm()
        localtime_r(&seconds, &local)
        func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(1900 + local.tm_year)-\(twoDigits(local.tm_mon + 1))-\(twoDigits(local.tm_mday))"
        let clock = "\(twoDigits(local.tm_hour)):\(twoDigits(local.tm_min)):\(twoDigits(local.tm_sec))"
        if local.tm_gmtoff == 0 { return "\(date)T\(clock)Z" }
        let minutes = Int32(abs(local.tm_gmtoff) / 60)
        let sign = local.tm_gmtoff < 0 ? "-" : "+"
        return "\(date)T\(clock)\(sign)\(twoDigits(minutes / 60)):\(twoDigits(minutes % 60))"
    }
}
