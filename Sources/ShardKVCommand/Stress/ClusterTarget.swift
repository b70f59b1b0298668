import ShardKV

/// A cluster under stress.
struct ClusterTarget: StressTarget {
    private let access: KeyValueAccess

    init(_ access: KeyValueAccess) {
        self.access = access
    }

    func get(_ key: [UInt8]) async throws(StressFailure) -> [UInt8]? {
        do throws(ShardKVError) { return try await access.get(key) } catch { throw StressFailure(error) }
    }

    func set(_ key: [UInt8], _ value: [UInt8], ttl: Duration) async throws(StressFailure) {
        do throws(ShardKVError) { try await access.set(key, value, ttl: ttl) } catch { throw StressFailure(error) }
    }
}

extension StressFailure {
    fileprivate init(_ error: ShardKVError) {
        self.init(code: "\(error.code)", message: error.message, isIndeterminate: error.isIndeterminate)
    }
}
