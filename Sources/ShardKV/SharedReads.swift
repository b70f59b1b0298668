internal import KVWire
internal import Synchronization

/// The reads that are under way, for callers that ask for the same meanwhile.
final class SharedReads: Sendable {
    struct Key: Hashable, Sendable {
        let request: [UInt8]
        let withMetadata: Bool
        let level: ReadLevel
    }

    typealias Outcome = Result<GetResponse, ShardKVError>

    private let running = Mutex<[Key: Task<Outcome, Never>]>([:])

    /// The outcome of the read that is under way, or of `read`.
    func share(_ key: Key, _ read: @escaping @Sendable () async -> Outcome) async throws(ShardKVError) -> GetResponse {
        let task = running.withLock { running in
            if let task = running[key] { return task }
            let task = Task {
                let outcome = await read()
                self.running.withLock { $0[key] = nil }
                return outcome
            }
            running[key] = task
            return task
        }
        return try await task.value.get()
    }
}
