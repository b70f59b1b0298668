internal import ShardKV

/// What to measure, from the command line: `--name value` pairs.
struct Options: Sendable {
    enum Operation: String, Sendable {
        case get, set
    }

    var shardMap = ""
    var operation = Operation.get
    var balancing = ShardKVClient.Balancing.leastCost
    var hedges = false
    var callers = 64
    var keys = 10_000
    var valueBytes = 32
    var warmupSeconds = 0.5
    var seconds = 2.0
    /// How many requests to measure, for counting instructions; 0 = those of `seconds`.
    var requests = 0

    static let usage = """
        usage: client-benchmark --shardmap PATH [--operation get|set] [--callers N] [--keys N] [--value-bytes N]
                                [--warmup SECONDS] [--seconds SECONDS] [--requests N]
                                [--balancing least-cost|round-robin|random] [--hedging true|false]
        """

    struct UsageError: Error {
        var message: String
    }

    init(_ arguments: [String]) throws(UsageError) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw UsageError(message: "\(name) needs a value") }
            switch name {
            case "--shardmap": shardMap = value
            case "--operation":
                guard let operation = Operation(rawValue: value) else { throw Self.invalid(name, value) }
                self.operation = operation
            case "--balancing":
                guard let balancing = ShardKVClient.Balancing(rawValue: value) else { throw Self.invalid(name, value) }
                self.balancing = balancing
            case "--hedging":
                guard let hedges = Bool(value) else { throw Self.invalid(name, value) }
                self.hedges = hedges
            case "--callers": callers = try Self.number(name, value, atLeast: 1)
            case "--keys": keys = try Self.number(name, value, atLeast: 1)
            case "--value-bytes": valueBytes = try Self.number(name, value, atLeast: 0)
            case "--requests": requests = try Self.number(name, value, atLeast: 0)
            case "--warmup": warmupSeconds = try Self.number(name, value, atLeast: 0)
            case "--seconds": seconds = try Self.number(name, value, atLeast: 0.01)
            default: throw UsageError(message: "unknown option \(name)")
            }
        }
        if shardMap.isEmpty { throw UsageError(message: "--shardmap is missing") }
    }

    private static func number<Number: LosslessStringConvertible & Comparable>(
        _ name: String,
        _ value: String,
        atLeast least: Number
    ) throws(UsageError) -> Number {
        guard let number = Number(value), number >= least else { throw invalid(name, value) }
        return number
    }

    private static func invalid(_ name: String, _ value: String) -> UsageError {
        UsageError(message: "\(value) is no value for \(name)")
    }
}
