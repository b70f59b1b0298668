internal import KVClient
package import KVSharding
internal import KVTransport
internal import KVWire
public import Logging
public import NIOCore
public import NIOPosix
public import ServiceLifecycle
internal import Synchronization

/// A client of a ShardKV cluster: gets, sets and deletes keys on the nodes that a shard map names.
///
/// One client serves any number of concurrent callers over few connections; make one per process. It works from its
/// creation on, by the shard map it then read; `run` adds that it follows the map's file. Connections are made when they are
/// first needed.
///
/// Keys: 1 byte to 64 KiB; values: 0 bytes to 64 MiB (the servers' defaults); both are arbitrary bytes, and a `String` stands
/// for its UTF-8. Every call throws `ShardKVError`, and ends with CANCELLED when its task is cancelled.
public final class ShardKVClient: Service, Sendable {
    let cluster: ClusterClient<NodeConnections, SystemTime>
    private let connections: NodeConnections
    let sharedReads = SharedReads()
    /// Nil = the map is not from a file.
    private let file: Mutex<ShardMapFile?>
    private let logger: Logger
    let configuration: Configuration
    let timeoutMilliseconds: UInt64

    /// Reads the shard map; connects to nothing yet.
    /// - Parameters:
    ///   - eventLoopGroup: does the I/O; stays the caller's.
    ///   - logger: is told of changes to the shard map.
    /// - Throws: INVALID_ARGUMENT if the shard map cannot be read or is not valid.
    public init(
        configuration: Configuration,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = Logger(label: "shardkv.client")
    ) throws(ShardKVError) {
        let time = SystemTime()
        let (map, epoch, file) = try Self.read(configuration.shardMap, time)
        let seeds = try Self.seeds(configuration.shardMap)
        let now = time.monotonicMilliseconds
        let clock = VersionClock(
            writer: UInt64.random(in: 1...UInt64.max),
            wallMilliseconds: time.wallMilliseconds,
            now: now
        )
        var options = ConnectionOptions()
        options.connectionsPerNode = configuration.connectionsPerNode
        let metrics = configuration.metricsFactory.map { ClientMetrics($0) }
        let nodes = NodeTable(observer: metrics)
        options.onLoad = { node, load in nodes.state(of: node).report(load: load) }
        let latestEpoch = Announcement()
        options.onHello = { node, hello in
            clock.observe(hello.serverTimeMilliseconds, of: node, now: time.monotonicMilliseconds)
            latestEpoch.tell(hello.mapEpoch)
        }
        connections = NodeConnections(
            endpoints: map?.endpoints ?? seeds,
            eventLoopGroup: eventLoopGroup,
            options: options
        )
        let balancer: any Balancer =
            switch configuration.balancing {
            case .roundRobin: RoundRobinBalancer()
            case .random: RandomBalancer()
            case .leastCost: LeastCostBalancer()
            }
        cluster = ClusterClient(
            map: map,
            epoch: epoch,
            seeds: Array(seeds.keys),
            sender: connections,
            time: time,
            clock: clock,
            balancer: balancer,
            nodes: nodes,
            attemptMilliseconds: configuration.attemptTimeout.milliseconds,
            hedgeMilliseconds: configuration.hedgeDelay.milliseconds,
            limitsRepetitions: configuration.limitsRepetitions,
            observer: metrics
        )
        // Weakly: the connections that the client owns hold it.
        latestEpoch.handle { [weak cluster] epoch in cluster?.noticeEpoch(epoch) }
        self.file = Mutex(file)
        self.logger = logger
        self.configuration = configuration
        timeoutMilliseconds = configuration.timeout.milliseconds
    }

    /// Follows the shard map's file until graceful shutdown or cancellation, then closes the connections.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .milliseconds(Int64(ShardMapFile.pollIntervalMilliseconds)))
                await self.refreshShardMap()
            }
        }
        await close()
    }

    /// Closes the connections: calls that wait, and later ones, end with CANCELLED. For use without `run`.
    public func close() async {
        await connections.close()
    }

    /// The map in force; nil = it was not fetched yet.
    package var shardMap: ShardMap? { cluster.shardMap }

    /// How many requests of reads each node has finished.
    package var readsByNode: [String: Int] {
        Dictionary(uniqueKeysWithValues: cluster.nodes.all.map { ($0.name, Int($0.finished)) })
    }

    /// The map in force, fetched if there is none yet.
    package func fetchShardMap(timeout: Duration? = nil) async throws(ShardKVError) -> ShardMap {
        let milliseconds = timeout?.milliseconds ?? timeoutMilliseconds
        do throws(CallFailure) { return try await cluster.fetchedMap(timeoutMilliseconds: milliseconds) } catch {
            throw ShardKVError(error)
        }
    }

    /// Looks at the shard map's file now.
    package func refreshShardMap() async {
        switch file.withLock({ $0?.poll(now: SystemTime().wallMilliseconds) }) {
        case nil, .unchanged, .restored: break
        case .changed(let map, let epoch):
            cluster.follow(map, epoch: epoch)
            logger.info("following the new shard map", metadata: ["epoch": "\(epoch)"])
        case .refused(let error):
            logger.error(
                "the new shard map is refused, the last good one stays",
                metadata: ["error": "\(error.summary)"]
            )
        }
    }

    private static func read(
        _ source: ShardMapSource,
        _ time: SystemTime
    ) throws(ShardKVError) -> (ShardMap?, epoch: UInt64, ShardMapFile?) {
        do throws(ShardMapError) {
            switch source {
            case .servers: return (nil, 0, nil)
            case .json(let content):
                let map = try ShardMap(json: content)
                return (map, map.epoch ?? 0, nil)
            case .file(let path):
                var file = ShardMapFile(path: path)
                switch file.poll(now: time.wallMilliseconds) {
                case .changed(let map, let epoch): return (map, epoch, file)
                case .refused(let error): throw error
                case .unchanged, .restored: preconditionFailure("the first look at a shard map finds one or an error")
                }
            }
        } catch {
            // A fault of the file itself names it already, one of its content does not.
            if case .file(let path) = source, !error.faults.contains(where: { $0.place == path }) {
                throw ShardKVError(.invalidArgument, "shard map: \(path): \(error.summary)")
            }
            throw ShardKVError(.invalidArgument, "shard map: \(error.summary)")
        }
    }

    /// The servers to fetch the map from, under names of their own.
    private static func seeds(_ source: ShardMapSource) throws(ShardKVError) -> [String: NodeEndpoint] {
        guard case .servers(let servers) = source else { return [:] }
        var seeds: [String: NodeEndpoint] = [:]
        for server in servers {
            guard let address = NodeAddress(parsing: server) else {
                throw ShardKVError(.invalidArgument, "'\(server)' is not host:port")
            }
            seeds[server] = NodeEndpoint(host: address.host, port: address.port)
        }
        guard !seeds.isEmpty else { throw ShardKVError(.invalidArgument, "no server to fetch the shard map from") }
        return seeds
    }
}
