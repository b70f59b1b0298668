import ArgumentParser
import Glibc
import KVSharding
import ShardKV

struct StressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stress",
        abstract: "Put a cluster under load and check its answers.",
        discussion: """
            Sends Gets and Sets of random keys at fixed rates, waits for what is in flight, and prints a summary on \
            standard output. Progress, a sampled request a second, goes to standard error if that is a terminal; wrong \
            answers always do. Ctrl-C ends the run early with its summary.

            An answer is wrong if no order of the Sets explains it: a value that was overwritten before the Get began, one \
            that outlived its TTL, or none where an acknowledged one cannot have expired. A Set that failed may or may not \
            have happened. Run one tester per set of keys: keys are random, unless --seed repeats them.

            Exit code 0; 1 if an answer was wrong; 2 if no request succeeded.

            EXAMPLES
              shardkv stress --shardmap shardmaps/test-5-node.json
              shardkv stress --get-qps 250 --set-qps 250 --ttl 500ms --duration 30s
              shardkv stress --get-qps 5000 --set-qps 1000 --qps-burst 200 --json result.json --latency-log latency.tsv
            """
    )

    @Option(parsing: .unconditional, help: "Gets a second; 0 = none.")
    var getQps = 100.0

    @Option(parsing: .unconditional, help: "Sets a second; 0 = none.")
    var setQps = 30.0

    @Option(parsing: .unconditional, help: "The TTL of every Set; 0 = values never expire.")
    var ttl: Duration = .seconds(2)

    @Option(parsing: .unconditional, help: "How long to run.")
    var duration: Duration = .seconds(60)

    @Option(parsing: .unconditional, help: "How many different keys.")
    var numKeys = 1000

    @Option(
        parsing: .unconditional,
        help: "The most requests in flight at once; while there are as many, further ones wait."
    )
    var maxPending = 100

    @Option(parsing: .unconditional, help: "The most requests of a kind sent at once to catch up.")
    var qpsBurst = 20

    @Flag(inversion: .prefixedNo, help: "Check the answers.")
    var check = true

    @Flag(inversion: .prefixedNo, help: "Check that no value outlives its TTL.")
    var checkTtl = true

    @Option(parsing: .unconditional, help: "How far a TTL's end may be off, because clocks differ.")
    var ttlCheckBuffer: Duration = .milliseconds(10)

    @Option(
        parsing: .unconditional,
        help: "The size of every value, such as 100 or 64KiB; without it, small sizes that vary."
    )
    var valueBytes: ByteSize?

    @Option(parsing: .unconditional, help: "Repeats the keys and their order of an earlier run.")
    var seed: UInt64?

    @Option(help: "Also write the summary to this file as JSON.", completion: .file())
    var json: String?

    @Option(
        help: """
            Also write latencies over time to this file: tab-separated, a line for Gets and one for Sets for each 100 ms \
            in which any ended, with their count and the p50, p99 and maximum of those that succeeded.
            """,
        completion: .file()
    )
    var latencyLog: String?

    @Option(help: "How reads are spread over the replicas: least-cost, round-robin or random.")
    var balancing = ShardKVClient.Balancing.leastCost

    @Flag(help: "Ask a second replica while the first takes unusually long.")
    var hedge = false

    /// To show what the budget is for.
    @Flag(help: .hidden)
    var unlimitedRepetitions = false

    @OptionGroup var readLevel: ReadLevelOption

    @OptionGroup var writeLevel: WriteLevelOption

    @OptionGroup var options: ClientOptions

    func validate() throws {
        try options.validate(levels: readLevel.readLevel != nil || writeLevel.writeLevel != nil)
        guard getQps >= 0, setQps >= 0, getQps + setQps > 0, (getQps + setQps).isFinite else {
            throw ValidationError("--get-qps and --set-qps must be 0 or more, and not both 0")
        }
        guard ttl >= .zero, ttlCheckBuffer >= .zero else {
            throw ValidationError("--ttl and --ttl-check-buffer must not be negative")
        }
        guard duration > .zero else { throw ValidationError("--duration must be above 0") }
        guard (1...10_000_000).contains(numKeys) else { throw ValidationError("--num-keys must be 1 to 10000000") }
        guard maxPending >= 1, qpsBurst >= 1 else {
            throw ValidationError("--max-pending and --qps-burst must be at least 1")
        }
    }

    /// Flags with a value, as the tester's users know them: `--check=false` is `--no-check`.
    static func spellingFlags(_ words: [String]) -> [String] {
        words.map { word in
            switch word {
            case "--check=true", "--check-ttl=true": String(word.dropLast("=true".count))
            case "--check=false", "--check-ttl=false": "--no-" + word.dropFirst(2).dropLast("=false".count)
            default: word
            }
        }
    }

    func run() async throws {
        if let json { try checkWritable(json) }
        let latencies = try openLatencyLog()
        var options = options
        options.timeout = options.timeout ?? .seconds(1)
        let configure = { (configuration: inout ShardKVClient.Configuration) in
            configuration.balancing = balancing
            configuration.hedging = hedge
            configuration.limitsRepetitions = !unlimitedRepetitions
        }
        let summary = try await options.withClient(configure) { client throws(CommandFailure) in
            let log = StressLog(isVerbose: StandardStream.error.isTerminal, write: StandardStream.note)
            let access = KeyValueAccess(
                client,
                options,
                readLevel: readLevel.readLevel,
                writeLevel: writeLevel.writeLevel
            )
            let run = StressRun(configuration, target: ClusterTarget(access), log: log, latencies: latencies)
            let signals = EarlyEnd { run.stop() }
            let summary = await run.run()
            signals.cancel()
            try StandardStream.output.write(summary.text + Self.shares(client.readsByNode))
            if let json { try write("\(summary.json)\n", to: json) }
            if summary.gets.succeeded + summary.sets.succeeded == 0, let last = run.recorder.lastFailure {
                throw CommandFailure("no request succeeded; the last: \(last.code): \(last.message)")
            }
            return summary
        }
        if let wrong = summary.wrongAnswers, wrong > 0 {
            throw CommandFailure("\(wrong) wrong answers", exitCode: 1)
        }
    }

    /// How many of the requests that read went to each node.
    private static func shares(_ reads: [String: Int]) -> String {
        let total = max(1, reads.values.reduce(0, +))
        let shares = reads.sorted { NaturalOrder.precedes($0.key, $1.key) }.map { node, count in
            "\(node)=\((100 * Double(count) / Double(total)).fixed(decimals: 2))%"
        }
        return "Gets by node: \(shares.joined(separator: " ")) requests=\(total)\n"
    }

    private var configuration: StressConfiguration {
        StressConfiguration(
            getsPerSecond: getQps,
            setsPerSecond: setQps,
            ttl: ttl,
            duration: duration,
            keyCount: numKeys,
            maxPending: maxPending,
            burst: qpsBurst,
            isChecking: check,
            rules: .init(checksTTL: checkTtl, ttlBuffer: ttlCheckBuffer.saturatedNanoseconds),
            valueBytes: valueBytes?.bytes,
            seed: seed ?? .random(in: .min ... .max),
            run: .random(in: .min ... .max)
        )
    }

    /// Open until the process ends.
    private func openLatencyLog() throws(CommandFailure) -> LatencyLog? {
        guard let latencyLog else { return nil }
        let file = open(latencyLog, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Self.cannotWrite(latencyLog) }
        let time = SystemTime()
        return LatencyLog(wallMilliseconds: { time.wallMilliseconds }) { line in
            do throws(CommandFailure) { try StandardStream.write(Array("\(line)\n".utf8), to: file) } catch {
                StandardStream.note("\(latencyLog): \(error.line)")
            }
        }
    }

    private static func cannotWrite(_ path: String) -> CommandFailure {
        CommandFailure("cannot write \(path): \(String(cString: strerror(errno)))")
    }

    /// Before the run, whose result would be lost. Makes the file, and leaves what is in it.
    private func checkWritable(_ path: String) throws(CommandFailure) {
        guard let file = fopen(path, "a") else { throw Self.cannotWrite(path) }
        fclose(file)
    }

    private func write(_ text: String, to path: String) throws(CommandFailure) {
        guard let file = fopen(path, "w") else { throw Self.cannotWrite(path) }
        let isWritten = fputs(text, file) >= 0
        guard fclose(file) == 0, isWritten else { throw Self.cannotWrite(path) }
    }
}
