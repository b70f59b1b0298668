internal import KVSharding
internal import KVWire

extension ShardKVClient {
    /// The value of a key; nil if it has none, or its time to live is over.
    ///
    /// Reads from one replica, and from the others in turn as long as none answers; at level `quorum` from a majority.
    /// - Parameters:
    ///   - level: nil = the configuration's.
    ///   - isHedged: ask a second replica while the first takes unusually long; nil = the configuration's.
    ///   - timeout: of the whole call; nil = the configuration's.
    public func get(
        _ key: [UInt8],
        level: ReadLevel? = nil,
        isHedged: Bool? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) -> [UInt8]? {
        let response = try await get(GetRequest(key: key), .replicas(level), isHedged: isHedged, timeout)
        return response.wasFound ? response.value : nil
    }

    /// The value of a key with the rest of its time to live; nil if it has none.
    /// - Parameters:
    ///   - level: nil = the configuration's.
    ///   - isHedged: ask a second replica while the first takes unusually long; nil = the configuration's.
    ///   - timeout: of the whole call; nil = the configuration's.
    public func getEntry(
        _ key: [UInt8],
        level: ReadLevel? = nil,
        isHedged: Bool? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) -> Entry? {
        Entry(try await get(GetRequest(key: key, withMetadata: true), .replicas(level), isHedged: isHedged, timeout))
    }

    /// Stores a value on all replicas of the key's shard, in place of the one before and its time to live.
    /// - Parameters:
    ///   - ttl: how long the value lives, in whole milliseconds (a part of one counts as one); nil or zero = for ever.
    ///   - level: how many replicas must have it when this returns; nil = the configuration's.
    ///   - timeout: of the whole call; nil = the configuration's.
    /// - Throws: if too many replicas failed. `isIndeterminate` tells whether the value may have been stored all the same.
    public func set(
        _ key: [UInt8],
        _ value: [UInt8],
        ttl: Duration? = nil,
        level: WriteLevel? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) {
        try await set(key, value, ttl: ttl, .replicas(level), timeout)
    }

    /// Removes a key from all replicas of its shard; it need not be there.
    /// - Parameters:
    ///   - level: from how many replicas it must be removed when this returns; nil = the configuration's.
    ///   - timeout: of the whole call; nil = the configuration's.
    /// - Throws: if too many replicas failed. `isIndeterminate` tells whether the key may have been removed all the same.
    public func delete(
        _ key: [UInt8],
        level: WriteLevel? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) {
        try await delete(key, .replicas(level), timeout)
    }

    /// The same calls to one node, whatever the shard map says about the key.
    /// - Throws: INVALID_ARGUMENT if the shard map has no such node.
    public func replica(_ node: String) throws(ShardKVError) -> ReplicaClient {
        if let shardMap, shardMap.nodes[node] == nil {
            throw ShardKVError(.invalidArgument, "the shard map has no node \(node)")
        }
        return ReplicaClient(client: self, node: node)
    }
}

/// `ShardKVClient`'s calls with keys, and values, that are text.
extension ShardKVClient {
    /// See `get(_:level:isHedged:timeout:)` for bytes.
    public func get(
        _ key: String,
        level: ReadLevel? = nil,
        isHedged: Bool? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) -> [UInt8]? {
        try await get(Array(key.utf8), level: level, isHedged: isHedged, timeout: timeout)
    }

    /// See `getEntry(_:level:isHedged:timeout:)` for bytes.
    public func getEntry(
        _ key: String,
        level: ReadLevel? = nil,
        isHedged: Bool? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) -> Entry? {
        try await getEntry(Array(key.utf8), level: level, isHedged: isHedged, timeout: timeout)
    }

    /// See `set(_:_:ttl:level:timeout:)` for bytes.
    public func set(
        _ key: String,
        _ value: [UInt8],
        ttl: Duration? = nil,
        level: WriteLevel? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) {
        try await set(Array(key.utf8), value, ttl: ttl, level: level, timeout: timeout)
    }

    /// See `set(_:_:ttl:level:timeout:)` for bytes.
    public func set(
        _ key: String,
        _ value: String,
        ttl: Duration? = nil,
        level: WriteLevel? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) {
        try await set(Array(key.utf8), Array(value.utf8), ttl: ttl, level: level, timeout: timeout)
    }

    /// See `delete(_:level:timeout:)` for bytes.
    public func delete(
        _ key: String,
        level: WriteLevel? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) {
        try await delete(Array(key.utf8), level: level, timeout: timeout)
    }
}

extension Entry {
    init?(_ response: GetResponse) {
        guard response.wasFound else { return nil }
        let remaining = response.ttlMillisecondsRemaining
        self.init(value: response.value, ttl: remaining == 0 ? nil : .milliseconds(remaining))
    }
}
