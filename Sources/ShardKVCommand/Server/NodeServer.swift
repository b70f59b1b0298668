import KVCore
import KVService
import KVSharding
import KVStorage
import KVTransport
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import ShardKV
import Synchronization

/// One node as a process runs it: the service, its sockets, the shard map's file, and the clock that drives them.
final class NodeServer: Service {
    struct Configuration: Sendable {
        var shardMapPath: String
        var node: String
        var listen: ListenAddress?
        var threadCount: Int
        var maxWait: Duration
        var limits: Limits
        var maxMemoryBytes: Int
        var drainTimeout: Duration
        var policy: ReplicationCoordinator.Policy
        /// How far this node's wall clock is set wrong, for tests.
        var clockOffsetMilliseconds: Int64 = 0
    }

    private static let eventLoopGroup = MultiThreadedEventLoopGroup.singleton
    /// How often replication looks at the time.
    private static let tickMilliseconds = 100
    /// How long clients have, after GOAWAY, to take their last answers.
    private static let farewellMilliseconds = 500

    private let configuration: Configuration
    private let time: SystemTime
    private let logger: Logger
    private let node: Node
    private let server: EpollServer
    private let peers: NodeConnections
    private let following: Mutex<Following>

    /// The shard map's file, and the address of every node that any map of this life named: a shard's old owner may be
    /// in an earlier map only.
    private struct Following {
        var file: ShardMapFile
        var endpoints: [String: NodeEndpoint] = [:]

        /// - Parameter numberInForce: the map's epoch, which the node may have taken over from a peer.
        mutating func poll(numberInForce: UInt64, now: UInt64) -> ShardMapFollower.Event {
            if let map = file.follower.map {
                _ = file.follower.adopt(epoch: numberInForce, fingerprint: map.fingerprint)
            }
            return file.poll(now: now)
        }

        mutating func learn(_ map: ShardMap) {
            endpoints.merge(map.nodes.mapValues { NodeEndpoint(host: $0.host, port: $0.port) }) { $1 }
        }
    }

    /// Reads the shard map, binds the address and starts to answer.
    init(configuration: Configuration, logger: Logger) throws(CommandFailure) {
        self.configuration = configuration
        let time = SystemTime(wallOffsetMilliseconds: configuration.clockOffsetMilliseconds)
        self.time = time
        self.logger = logger
        var following = Following(file: ShardMapFile(path: configuration.shardMapPath))
        let (map, epoch) = try Self.firstMap(&following.file, configuration, now: time.wallMilliseconds)
        following.learn(map)
        guard let address = map.nodes[configuration.node] else {
            let names = map.nodeNames.joined(separator: ", ")
            throw CommandFailure(
                "\(configuration.shardMapPath) has no node \(configuration.node); it has: \(names)"
            )
        }

        let node = Node(
            name: configuration.node,
            shardCount: map.numShards,
            limits: configuration.limits,
            pool: MemoryPool(limitBytes: configuration.maxMemoryBytes, hashSeed: .random(in: .min ... .max)),
            serverVersion: RootCommand.Version.current,
            // Above that of the life before: no process starts twice in a millisecond. Where the clock went back, peers say so.
            incarnation: time.wallMilliseconds * 1000,
            policy: configuration.policy,
            now: time.wallMilliseconds,
            report: { logger.report($0) }
        )
        self.node = node
        let listen = configuration.listen ?? ListenAddress(host: address.host, port: UInt16(address.port))
        var serverConfiguration = ServerConfiguration(
            host: listen.host,
            port: listen.port,
            threadCount: configuration.threadCount,
            limits: configuration.limits
        )
        serverConfiguration.clockOffsetMilliseconds = configuration.clockOffsetMilliseconds
        serverConfiguration.maxWaitMilliseconds = UInt64(configuration.maxWait / .milliseconds(1))
        server = EpollServer(
            configuration: serverConfiguration,
            logger: logger,
            makeHandler: { _ in node.makeHandler() }
        )
        peers = NodeConnections(
            endpoints: following.endpoints,
            eventLoopGroup: Self.eventLoopGroup
        )
        self.following = Mutex(following)
        OpenFileLimit.raise()
        do throws(ServerError) {
            let bound = try server.start()
            logger.info(
                "listening on \(bound)",
                metadata: ["epoch": "\(epoch)", "shardmap": "\(configuration.shardMapPath)"]
            )
            if !bound.isLoopback {
                logger.warning("\(bound) is not a loopback address: there is no TLS and no authentication yet")
            }
        } catch {
            throw CommandFailure("\(configuration.node) cannot listen: \(error)")
        }
        node.mapChanged(map, epoch: epoch, now: time.wallMilliseconds)
    }

    func run() async throws {
        let driver = ReplicationDriver(
            node: node,
            sender: peers,
            timer: { milliseconds, body in
                // On the loop that asks for it, where there is one: its next call leaves from there too.
                Self.eventLoopGroup.any().scheduleTask(in: .milliseconds(Int64(clamping: milliseconds)), body)
            },
            now: { [time] in time.wallMilliseconds }
        )
        driver.start()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await self.repeatEvery(Self.tickMilliseconds) { self.node.tick(now: self.time.wallMilliseconds) }
            }
            group.addTask {
                await self.repeatEvery(Int(ShardMapFile.pollIntervalMilliseconds)) { self.followMap() }
            }
            await waitForGracefulShutdown()
            await drain()
            group.cancelAll()
        }
        driver.stop()
        server.shutDown()
        await peers.close()
        logger.info("ended")
    }

    /// Copies go on being served until they are confirmed; only then are clients sent away.
    private func drain() async {
        node.beginDraining()
        logger.info("draining")
        let deadline = ContinuousClock.now + configuration.drainTimeout
        while node.isHandoverPending, ContinuousClock.now < deadline { await Self.pause(20) }
        if node.isHandoverPending {
            logger.warning("the drain time-out ended before every new owner had confirmed its copy")
        }
        server.beginDraining()
        let farewell = ContinuousClock.now + .milliseconds(Self.farewellMilliseconds)
        while server.connectionCount > 0, ContinuousClock.now < farewell { await Self.pause(10) }
    }

    private func followMap() {
        switch following.withLock({ $0.poll(numberInForce: node.mapEpoch, now: time.wallMilliseconds) }) {
        case .unchanged: break
        case .restored:
            node.setMapError("")
            logger.info("the shard map's file is good again")
        case .changed(let map, let epoch):
            node.setMapError("")
            logger.info("following the new shard map", metadata: ["epoch": "\(epoch)"])
            if map.nodes[configuration.node] == nil {
                logger.warning("the new shard map leaves this node out: it hands over what it has and serves nothing")
            }
            peers.update(
                endpoints: following.withLock { following in
                    following.learn(map)
                    return following.endpoints
                }
            )
            node.mapChanged(map, epoch: epoch, now: time.wallMilliseconds)
        case .refused(let error):
            node.setMapError(error.summary)
            logger.error("the new shard map is refused, the last good one stays: \(error.summary)")
        }
    }

    private func repeatEvery(_ milliseconds: Int, _ body: () -> Void) async {
        while !Task.isCancelled {
            await Self.pause(milliseconds)
            body()
        }
    }

    private static func pause(_ milliseconds: Int) async {
        try? await Task.sleep(for: .milliseconds(milliseconds))
    }

    private static func firstMap(
        _ file: inout ShardMapFile,
        _ configuration: Configuration,
        now: UInt64
    ) throws(CommandFailure) -> (ShardMap, UInt64) {
        switch file.poll(now: now) {
        case .changed(let map, let epoch): return (map, epoch)
        case .refused(let error): throw CommandFailure("shard map \(configuration.shardMapPath): \(error.summary)")
        case .unchanged, .restored: preconditionFailure("the first look at a shard map finds one or an error")
        }
    }
}

/// Returns when the process is asked to end.
private func waitForGracefulShutdown() async {
    try? await gracefulShutdown()
}
