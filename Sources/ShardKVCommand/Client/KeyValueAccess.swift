import ShardKV

/// The calls of get, set, delete and the shell: to the cluster, or to exactly one node of it.
struct KeyValueAccess: Sendable {
    private let client: ShardKVClient
    private let node: String?
    private let options: ClientOptions
    private let readLevel: ReadLevel?
    private let writeLevel: WriteLevel?

    init(
        _ client: ShardKVClient,
        _ options: ClientOptions,
        readLevel: ReadLevel? = nil,
        writeLevel: WriteLevel? = nil
    ) {
        self.client = client
        node = options.node
        self.options = options
        self.readLevel = readLevel
        self.writeLevel = writeLevel
    }

    func get(_ key: [UInt8]) async throws(ShardKVError) -> [UInt8]? {
        let timeout = options.readTimeout
        if let node { return try await client.replica(node).get(key, timeout: timeout) }
        return try await client.get(key, level: readLevel, timeout: timeout)
    }

    func getEntry(_ key: [UInt8]) async throws(ShardKVError) -> Entry? {
        let timeout = options.readTimeout
        if let node { return try await client.replica(node).getEntry(key, timeout: timeout) }
        return try await client.getEntry(key, level: readLevel, timeout: timeout)
    }

    /// - Parameter ttl: nil or zero = never expires.
    func set(_ key: [UInt8], _ value: [UInt8], ttl: Duration?) async throws(ShardKVError) {
        let timeout = options.writeTimeout(valueBytes: value.count)
        if let node { return try await client.replica(node).set(key, value, ttl: ttl, timeout: timeout) }
        try await client.set(key, value, ttl: ttl, level: writeLevel, timeout: timeout)
    }

    func delete(_ key: [UInt8]) async throws(ShardKVError) {
        let timeout = options.plainTimeout
        if let node { return try await client.replica(node).delete(key, timeout: timeout) }
        try await client.delete(key, level: writeLevel, timeout: timeout)
    }
}

extension CommandFailure {
    /// `CODE: message`, and of a single node's failure `CODE: NODE: message`.
    init(_ error: ShardKVError) {
        if let replica = error.replicaFailures.first, error.replicaFailures.count == 1, replica.code == error.code {
            self.init("\(error.code): \(replica.node): \(replica.message)")
        } else {
            self.init("\(error.code): \(error.message)")
        }
    }
}
