package import KVSharding
internal import KVWire
internal import Synchronization

/// The fetch of the shard map from a server that all calls of a client share: they wait for the one that is under way. For a client
/// that has no file; without seeds nothing is ever fetched.
final class MapFetch: Sendable {
    /// Names under which servers are reached before there is a map.
    let seeds: [String]
    private let running = Mutex<Task<Result<Void, CallFailure>, Never>?>(nil)

    init(seeds: [String]) {
        self.seeds = seeds
    }

    /// Waits for the fetch that is under way, or for `fetch`.
    func share(_ fetch: @escaping @Sendable () async -> Result<Void, CallFailure>) async throws(CallFailure) {
        try await start(fetch).value.get()
    }

    /// - Returns: the fetch that is under way, or `fetch`.
    @discardableResult
    func start(_ fetch: @escaping @Sendable () async -> Result<Void, CallFailure>) -> Task<
        Result<Void, CallFailure>, Never
    > {
        running.withLock { running in
            if let running { return running }
            let task = Task {
                let result = await fetch()
                self.running.withLock { $0 = nil }
                return result
            }
            running = task
            return task
        }
    }
}

extension ClusterClient {
    /// A server has told an epoch above the map's: fetches the map anew, once for all who notice, after a short random wait, so
    /// that many clients do not ask one server at the same moment. Returns at once.
    package func noticeEpoch(_ epoch: UInt64) {
        guard !mapFetch.seeds.isEmpty, let known = mapEpoch, epoch > known else { return }
        mapFetch.start {
            do { try await self.time.sleep(milliseconds: UInt64(self.jitter.fraction() * 100)) } catch {}
            let deadline = saturatingSum(self.time.monotonicMilliseconds, 10_000)
            do throws(CallFailure) { return .success(try await self.fetch(deadline: deadline)) } catch {
                return .failure(error)
            }
        }
    }

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
        let servers = mapServers
        for (index, node) in servers.enumerated() {
            let now = time.monotonicMilliseconds
            guard now < deadline else { break }
            let share = max(1, (deadline - now) / UInt64(servers.count - index))
            do throws(RPCError) {
                let response = try await sender.send(
                    GetShardMapRequest(),
                    to: node,
                    timeoutMilliseconds: UInt32(clamping: share)
                )
                let map = try Self.map(response)
                // Another server may be behind.
                if let known = mapEpoch, response.epoch < known { continue }
                return follow(map, epoch: response.epoch)
            } catch { failures.append(CallFailure.Replica(node: node, error: error)) }
        }
        var failure = CallFailure.read(failures)
        failure.message = "no server told the shard map: \(failure.message)"
        throw failure
    }

    /// Whom to ask for the map: all nodes of the one that is known, then the seeds, each at random.
    private var mapServers: [String] {
        (shardMap.map { Array($0.nodes.keys) } ?? []).shuffled() + mapFetch.seeds.shuffled()
    }

    private static func map(_ response: GetShardMapResponse) throws(RPCError) -> ShardMap {
        do throws(ShardMapError) { return try ShardMap(json: response.json) } catch {
            throw RPCError(.internal, "the server's shard map is not valid: \(error.summary)")
        }
    }
}
