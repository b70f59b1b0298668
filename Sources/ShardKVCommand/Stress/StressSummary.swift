import Histogram

/// The latencies and successes of one kind of request.
struct OperationResult {
    var succeeded = 0
    var failed = 0
    /// Microseconds of every request that was answered. Three significant digits: percentiles within 0.1 %.
    var latencies = Histogram<UInt64>(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three)

    var total: Int { succeeded + failed }

    mutating func record(latencyMicroseconds: UInt64, isSuccess: Bool) {
        guard isSuccess else {
            failed += 1
            return
        }
        succeeded += 1
        latencies.record(min(latencyMicroseconds, 3_600_000_000))
    }
}

/// What a run of the stress tester found.
struct StressSummary {
    var gets = OperationResult()
    var sets = OperationResult()
    /// nil = nothing was checked.
    var wrongAnswers: Int?
    /// Requests that had to wait because too many were in flight: the rate was not kept.
    var heldBack = 0
    /// From the first request sent to the last.
    var elapsedSeconds = 0.0
    /// Failed requests by status code.
    var failures: [String: Int] = [:]

    var total: Int { gets.total + sets.total }
    var queriesPerSecond: Double { elapsedSeconds > 0 ? Double(total) / elapsedSeconds : 0 }

    /// The closing summary, a statement a line.
    var text: String {
        var lines = [
            "Get requests: \(Self.share(gets.succeeded, of: gets.total, "succeeded")) success rate",
            "Set requests: \(Self.share(sets.succeeded, of: sets.total, "succeeded")) success rate",
        ]
        if let wrongAnswers {
            lines.append("Correct responses: \(Self.share(gets.succeeded - wrongAnswers, of: gets.succeeded))")
        }
        lines.append("Total requests: \(total) = \(queriesPerSecond.fixed(decimals: 6)) QPS")
        for (name, result) in [("Get", gets), ("Set", sets)] where result.succeeded > 0 {
            let percentiles = Self.percentiles(result).map { "\($0.name)=\($0.microseconds)" }.joined(separator: " ")
            lines.append("\(name) latency us: \(percentiles)")
        }
        if heldBack > 0 { lines.append("Held back by --max-pending: \(heldBack)") }
        if !failures.isEmpty {
            lines.append("Failures: " + sortedFailures.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
        }
        return lines.map { $0 + "\n" }.joined()
    }

    var json: JSON {
        .object([
            ("elapsed_seconds", .number(elapsedSeconds)),
            ("total_requests", .count(total)),
            ("qps", .number(queriesPerSecond)),
            ("get", Self.json(gets)),
            ("set", Self.json(sets)),
            ("checked_responses", wrongAnswers == nil ? .null : .count(gets.succeeded)),
            ("wrong_responses", wrongAnswers.map(JSON.count) ?? .null),
            ("held_back", .count(heldBack)),
            ("failures", .object(sortedFailures.map { ($0.key, .count($0.value)) })),
        ])
    }

    private var sortedFailures: [(key: String, value: Int)] { failures.sorted { $0.key < $1.key } }

    /// `99/100 succeeded = 99.000000%`; of nothing, all is well.
    private static func share(_ part: Int, of whole: Int, _ verb: String? = nil) -> String {
        let percent = whole == 0 ? 100 : 100 * Double(part) / Double(whole)
        return "\(part)/\(whole)\(verb.map { " " + $0 } ?? "") = \(percent.fixed(decimals: 6))%"
    }

    private static func percentiles(_ result: OperationResult) -> [(name: String, microseconds: UInt64)] {
        [("p50", 50.0), ("p90", 90), ("p99", 99), ("p99.9", 99.9)].map { name, percentile in
            (name, result.latencies.valueAtPercentile(percentile))
        } + [("max", result.latencies.maxRecorded)]
    }

    private static func json(_ result: OperationResult) -> JSON {
        .object([
            ("succeeded", .count(result.succeeded)),
            ("failed", .count(result.failed)),
            (
                "latency_microseconds",
                result.succeeded == 0
                    ? .null
                    : .object(percentiles(result).map { ($0.name, .integer($0.microseconds)) })
            ),
        ])
    }
}
