#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif
internal import ShardKV

/// Measures the Swift client as a user's program calls it: many tasks, one client, one connection to each node. Prints one line of
/// JSON; what it costs is the CPU time of this whole process.
@main
struct ClientBenchmark {
    static func main() async {
        do {
            try await measure(try Options(Array(CommandLine.arguments.dropFirst())))
        } catch let error as Options.UsageError {
            fail("\(error.message)\n\(Options.usage)")
        } catch {
            fail("\(error)")
        }
    }

    private static func measure(_ options: Options) async throws {
        var configuration = ShardKVClient.Configuration(shardMap: .file(path: options.shardMap))
        configuration.balancing = options.balancing
        configuration.hedging = options.hedges
        let client = try ShardKVClient(configuration: configuration)
        let loop = ClosedLoop(client: client, options: options)
        try await loop.load()
        let now = Clocks.monotonic
        let cpuBefore = Clocks.cpu
        let result: ClosedLoop.Result
        let cpu: UInt64
        var seconds = options.seconds
        if options.requests > 0 {
            result = await loop.run(from: now, to: .max)
            cpu = Clocks.cpu - cpuBefore
            seconds = Double(Clocks.monotonic - now) / 1e9
        } else {
            let begin = now + UInt64(options.warmupSeconds * 1e9)
            let end = begin + UInt64(options.seconds * 1e9)
            async let cpuOfWindow = self.cpu(from: begin, to: end)
            result = await loop.run(from: begin, to: end)
            cpu = try await cpuOfWindow
        }
        await client.close()
        report(options, result, seconds: seconds, cpuMicroseconds: Double(cpu) / 1000)
        if result.errors > 0 { fail("\(result.errors) errors, the first: \(result.firstError ?? "")") }
    }

    /// The process' CPU time between two moments, in nanoseconds.
    private static func cpu(from begin: UInt64, to end: UInt64) async throws -> UInt64 {
        try await sleep(until: begin)
        let before = Clocks.cpu
        try await sleep(until: end)
        return Clocks.cpu - before
    }

    private static func sleep(until time: UInt64) async throws {
        let now = Clocks.monotonic
        if now < time { try await Task.sleep(nanoseconds: time - now) }
    }

    private static func report(
        _ options: Options,
        _ result: ClosedLoop.Result,
        seconds: Double,
        cpuMicroseconds: Double
    ) {
        let count = result.latencies.count
        let fields: [(String, String)] = [
            ("peer", "\"shardkv\""),
            ("operation", "\"\(options.operation.rawValue.uppercased())\""),
            ("callers", "\(options.callers)"),
            ("value_bytes", "\(options.valueBytes)"),
            ("ops", "\(count)"),
            ("ops_per_second", "\(Int(Double(count) / seconds))"),
            ("p50_us", "\(result.latencies.microseconds(at: 0.5))"),
            ("p99_us", "\(result.latencies.microseconds(at: 0.99))"),
            ("client_cpu_us", count == 0 ? "null" : "\((cpuMicroseconds / Double(count) * 1000).rounded() / 1000)"),
            ("errors", "\(result.errors)"),
        ]
        print("{\(fields.map { "\"\($0)\":\($1)" }.joined(separator: ","))}")
    }

    private static func fail(_ message: String) -> Never {
        let line = "error: \(message)\n"
        _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        exit(1)
    }
}
