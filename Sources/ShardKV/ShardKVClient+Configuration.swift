public import CoreMetrics

/// Where a client finds the shard map.
public enum ShardMapSource: Sendable {
    /// A file, which is read at once and followed while the client runs. A bad file is logged; the last good map stays in force.
    case file(path: String)
    /// The content of such a file, once and for all.
    case json([UInt8])
    /// Any servers of the cluster, each as `host:port`: the first that answers tells the map when it is first needed.
    case servers([String])
}

/// How many replicas must have a write before it is acknowledged. The others get it too, as soon as they can.
public enum WriteLevel: String, Sendable, CaseIterable {
    /// One. It may be lost with that one, and reads of others may miss it.
    case one
    /// A majority: survives one of three replicas, and later reads at `quorum` see it.
    case quorum
    /// All: survives all but one replica, and every later read sees it. Fails while one of them is away.
    case all
}

/// How many replicas a read asks.
public enum ReadLevel: String, Sendable, CaseIterable {
    /// One: sees every earlier write at `all`.
    case one
    /// A majority, whose newest value counts: sees every earlier write at `quorum` or `all`.
    case quorum
}

extension ShardKVClient {
    /// How reads are spread over the replicas of a shard.
    public enum Balancing: String, Sendable, CaseIterable {
        /// Each replica in turn.
        case roundRobin = "round-robin"
        /// Any replica, at random.
        case random
        /// Of two random ones the one with the lower product of latency and requests under way.
        case leastCost = "least-cost"
    }

    /// How a client behaves.
    public struct Configuration: Sendable {
        /// Where the shard map is.
        public var shardMap: ShardMapSource
        /// How long a call may take in all, unless it says otherwise.
        public var timeout: Duration = .seconds(1)
        /// How long a read waits for one replica while there is another one to ask.
        public var attemptTimeout: Duration = .milliseconds(250)
        /// How many replicas must have a write, unless the call says otherwise.
        public var writeLevel: WriteLevel = .all
        /// How many replicas a read asks, unless the call says otherwise.
        public var readLevel: ReadLevel = .one
        /// How reads are spread over the replicas.
        public var balancing: Balancing = .leastCost
        /// Whether a read asks a second replica while the first takes unusually long, unless the call says otherwise.
        public var hedging: Bool = false
        /// The longest that a hedged read waits before it asks a second replica; usually it is after what 95 of 100 reads take.
        public var hedgeDelay: Duration = .milliseconds(50)
        /// Whether concurrent reads of one key at one level share a request. Such a read may miss a write that was acknowledged
        /// after the request left.
        public var sharesReads: Bool = false
        /// Where the client's metrics go: `MetricsSystem.factory`, or another one; nil = nowhere.
        public var metricsFactory: (any MetricsFactory)?
        /// How many TCP connections all callers together use to each node.
        public var connectionsPerNode: Int = 1
        /// False = without the budget for repetitions, to show what it is for.
        package var limitsRepetitions = true

        /// The defaults, with the given shard map.
        public init(shardMap: ShardMapSource) {
            self.shardMap = shardMap
        }
    }
}
