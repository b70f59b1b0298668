/// What the stress tester puts under stress.
protocol StressTarget: Sendable {
    func get(_ key: [UInt8]) async throws(StressFailure) -> [UInt8]?
    func set(_ key: [UInt8], _ value: [UInt8], ttl: Duration) async throws(StressFailure)
}

/// A request that failed.
struct StressFailure: Error {
    /// The status code's name: `UNAVAILABLE`.
    let code: String
    let message: String
    /// Of a Set: it may have happened all the same.
    let isIndeterminate: Bool
}
