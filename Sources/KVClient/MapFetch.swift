package import KVSharding
internal import KVWire
internal import Synchronization

/// The fetch of the shard map from a server that all calls of a client share: they wait for the one that is under way.
final class MapFetch: Sendable {
    /// Names under which servers are reached before there is a map.
    let seeds: [String]
    private let running = Mutex<Task<Result<Void, CallFailure>, Never>?>(nil)

    init(seeds: [String]) {
        self.seeds = seeds
    }

    /// Waits for the fetch that is under way, or for `fetch`.
    func share(_ fetch: @escaping @Sendable () async -> Result<Void, CallFailure>) async throws(CallFailure) {
        let task = running.withLock { running in
            if let running { return running }
            let task = Task {
                let result = await fetch()
                self.running.withLock { $0 = nil }
                return result
            }
            running = task
            return task
        }
        try await task.value.get()
    }
}

extension ClusterClient {
    /// The map, fetched from the first seed that answers if there is none yet.
    package func fetchedMap(timeoutMilliseconds: UInt64) async throws(CallFailure) -> ShardMap {
        if let shardMap { return shardMap }
        try await fetchMap(deadline: saturatingSum(time.monotonicMilliseconds, timeoutMilliseconds))
        guard let shardMap else { preconditionFailure("a fetch brings a map or an error") }
        return shardMap
    }

    func fetchMap(deadline: UInt64) async throws(CallFailure) {
        try await mapFetch.share {
            do throws(CallFailure) { return .success(try await self.fetch(deadline: deadline)) } catch {
                return .failure(error)
            }
        }
    }

    private func fetch(deadline: UInt64) async throws(CallFailure) {
        var failures: [CallFailure.Replica] = []
        for (index, node) in mapFetch.seeds.shuffled().enumerated() {
            let now = time.monotonicMilliseconds
            guard now < deadline else { break }
            let share = max(1, (deadline - now) / UInt64(mapFetch.seeds.count - index))
            do throws(RPCError) {
                let response = try await sender.send(
                    GetShardMapRequest(),
                    to: node,
                    timeoutMilliseconds: UInt32(clamping: share)
                )
                return follow(try Self.map(response), epoch: response.epoch)
            } catch { failures.append(CallFailure.Replica(node: node, error: error)) }
        }
        var failure = CallFailure.read(failures)
        failure.message = "no server told the shard map: \(failure.message)"
        throw failure
    }

    private static func map(_ response: GetShardMapResponse) throws(RPCError) -> ShardMap {
        do throws(ShardMapError) { return try ShardMap(json: response.json) } catch {
            throw RPCError(.internal, "the server's shard map is not valid: \(error.summary)")
        }
    }
}
