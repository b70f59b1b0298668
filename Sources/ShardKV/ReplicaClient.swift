internal import KVWire

/// Calls to exactly one node: no routing, no failover, no other replica. To look into a cluster, and to mend it.
public struct ReplicaClient: Sendable {
    let client: ShardKVClient
    /// The node's name in the shard map.
    public let node: String

    /// The value that this node has of a key; nil if none.
    public func get(_ key: [UInt8], timeout: Duration? = nil) async throws(ShardKVError) -> [UInt8]? {
        let response = try await client.get(GetRequest(key: key), .node(node), timeout)
        return response.wasFound ? response.value : nil
    }

    /// The value that this node has of a key, with the rest of its time to live; nil if none.
    public func getEntry(_ key: [UInt8], timeout: Duration? = nil) async throws(ShardKVError) -> Entry? {
        Entry(try await client.get(GetRequest(key: key, withMetadata: true), .node(node), timeout))
    }

    /// Stores a value on this node alone.
    /// - Parameter ttl: nil or zero = for ever.
    public func set(
        _ key: [UInt8],
        _ value: [UInt8],
        ttl: Duration? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) {
        try await client.set(key, value, ttl: ttl, .node(node), timeout)
    }

    /// Removes a key from this node alone.
    public func delete(_ key: [UInt8], timeout: Duration? = nil) async throws(ShardKVError) {
        try await client.delete(key, .node(node), timeout)
    }

    /// See `get(_:timeout:)` for bytes.
    public func get(_ key: String, timeout: Duration? = nil) async throws(ShardKVError) -> [UInt8]? {
        try await get(Array(key.utf8), timeout: timeout)
    }

    /// See `getEntry(_:timeout:)` for bytes.
    public func getEntry(_ key: String, timeout: Duration? = nil) async throws(ShardKVError) -> Entry? {
        try await getEntry(Array(key.utf8), timeout: timeout)
    }

    /// See `set(_:_:ttl:timeout:)` for bytes.
    public func set(
        _ key: String,
        _ value: [UInt8],
        ttl: Duration? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) {
        try await set(Array(key.utf8), value, ttl: ttl, timeout: timeout)
    }

    /// See `set(_:_:ttl:timeout:)` for bytes.
    public func set(
        _ key: String,
        _ value: String,
        ttl: Duration? = nil,
        timeout: Duration? = nil
    ) async throws(ShardKVError) {
        try await set(Array(key.utf8), Array(value.utf8), ttl: ttl, timeout: timeout)
    }

    /// See `delete(_:timeout:)` for bytes.
    public func delete(_ key: String, timeout: Duration? = nil) async throws(ShardKVError) {
        try await delete(Array(key.utf8), timeout: timeout)
    }
}
