/// Where a client finds the shard map.
public enum ShardMapSource: Sendable {
    /// A file, which is read at once and followed while the client runs. A bad file is logged; the last good map stays in force.
    case file(path: String)
    /// The content of such a file, once and for all.
    case json([UInt8])
}

extension ShardKVClient {
    /// How reads are spread over the replicas of a shard.
    public enum Balancing: Sendable {
        /// Each replica in turn.
        case roundRobin
        /// Any replica, at random.
        case random
    }

    /// How a client behaves.
    public struct Configuration: Sendable {
        /// Where the shard map is.
        public var shardMap: ShardMapSource
        /// How long a call may take in all, unless it says otherwise.
        public var timeout: Duration = .seconds(1)
        /// How long a read waits for one replica while there is another one to ask.
        public var attemptTimeout: Duration = .milliseconds(250)
        /// How reads are spread over the replicas.
        public var balancing: Balancing = .roundRobin
        /// How many TCP connections all callers together use to each node.
        public var connectionsPerNode: Int = 1

        /// The defaults, with the given shard map.
        public init(shardMap: ShardMapSource) {
            self.shardMap = shardMap
        }
    }
}
