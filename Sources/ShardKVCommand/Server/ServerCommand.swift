public import ArgumentParser
import KVCore
public import KVService
public import Logging
import ServiceLifecycle
import UnixSignals

struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server",
        abstract: "Run one node of a cluster.",
        discussion: """
            Serves the shards that the shard map gives to the node, and follows the map's file: shards that come are copied \
            from their old owners, shards that go are kept until their new owners have confirmed their copies. \
            SIGTERM or SIGINT drains and ends the server.

            EXAMPLES
              shardkv server --shardmap shardmaps/test-3-node.json --node n1
              shardkv server --shardmap map.json --node n1 --max-memory 4GiB --threads 4
            """
    )

    @Option(help: "The shard map's file, which is followed.", completion: .file(extensions: ["json"]))
    var shardmap: String

    @Option(help: "This node's name in the shard map.")
    var node: String

    @Option(help: "Listen here, HOST:PORT, instead of at the node's address in the shard map.")
    var listen: ListenAddress?

    @Option(help: "How many event loops, each on a thread of its own.")
    var threads = 1

    @Option(
        help: """
            How long requests may wait in a server that stays behind; those that have, or for a quarter of their own \
            timeout, are refused as overloaded. 0 = none.
            """
    )
    var maxWait: Duration = .milliseconds(100)

    @Option(help: "Refuse Sets when the records take this much memory; 0 = no limit.")
    var maxMemory = ByteSize(bytes: 0)

    @Option(help: "The longest key.")
    var maxKeyBytes = ByteSize(bytes: Limits.defaultMaxKeyBytes)

    @Option(help: "The largest value.")
    var maxValueBytes = ByteSize(bytes: Limits.defaultMaxValueBytes)

    @Option(help: "How long SIGTERM waits for new owners to confirm their copies.")
    var drainTimeout: Duration = .seconds(10)

    @Option(help: "How fast shards are copied to this node, in bytes a second; 0 = as fast as it goes.")
    var copyRate = ByteSize(bytes: 16 << 20)

    @Option(
        help: """
            What a shard does when nodes are gone whose answers would make sure that nothing acknowledged is missing: \
            "wait" for them, or serve without them after this time.
            """
    )
    var onUnrecoverable = UnrecoverablePolicy.proceed(after: .seconds(10))

    @Option(help: .hidden)
    var unsafeOff: [ReplicationCoordinator.Ablation] = []

    /// For tests of clocks that disagree.
    @Option(help: .hidden)
    var clockOffsetMs: Int64 = 0

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = Logger.Level.info

    func validate() throws {
        if !(1...256).contains(threads) { throw ValidationError("--threads must be 1…256") }
        if maxWait < .zero { throw ValidationError("--max-wait must not be negative") }
        if !(1...(1 << 30)).contains(maxKeyBytes.bytes) { throw ValidationError("--max-key-bytes must be 1…1GiB") }
        if !(0...(1 << 30)).contains(maxValueBytes.bytes) { throw ValidationError("--max-value-bytes must be 0…1GiB") }
        if drainTimeout < .zero { throw ValidationError("--drain-timeout must not be negative") }
    }

    func run() async throws {
        var logger = Logger(label: node) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        let server = try NodeServer(
            configuration: .init(
                shardMapPath: shardmap,
                node: node,
                listen: listen,
                threadCount: threads,
                maxWait: maxWait,
                limits: Limits(maxKeyBytes: maxKeyBytes.bytes, maxValueBytes: maxValueBytes.bytes),
                maxMemoryBytes: maxMemory.bytes,
                drainTimeout: drainTimeout,
                policy: policy,
                clockOffsetMilliseconds: clockOffsetMs
            ),
            logger: logger
        )
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "shardkv.lifecycle") { _ in SwiftLogNoOpLogHandler() }
            )
        )
        try await group.run()
    }
}

extension ServerCommand {
    private var policy: ReplicationCoordinator.Policy {
        var policy = ReplicationCoordinator.Policy()
        policy.proceedAfterMilliseconds = onUnrecoverable.milliseconds
        policy.copyBytesPerSecond = copyRate.bytes
        policy.ablations = Set(unsafeOff)
        return policy
    }
}

/// `wait`, or a duration after which a shard serves with what there is.
enum UnrecoverablePolicy: ExpressibleByArgument {
    case wait
    case proceed(after: Duration)

    init?(argument: String) {
        if argument == "wait" {
            self = .wait
        } else if let duration = Duration(parsing: argument), duration >= .zero {
            self = .proceed(after: duration)
        } else {
            return nil
        }
    }

    var defaultValueDescription: String {
        switch self {
        case .wait: "wait"
        case .proceed(let duration): duration.shortDescription
        }
    }

    /// Nil = for ever.
    var milliseconds: UInt64? {
        switch self {
        case .wait: nil
        case .proceed(let duration): duration.saturatedNanoseconds / 1_000_000
        }
    }
}

extension ReplicationCoordinator.Ablation: ExpressibleByArgument {}

extension Logger.Level: @retroactive ExpressibleByArgument {}
