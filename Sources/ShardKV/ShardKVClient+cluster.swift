package import KVClient
package import KVWire

/// Whom a call addresses.
enum CallTarget<Level: Sendable>: Sendable {
    /// The replicas of the key's shard; nil = at the configuration's level.
    case replicas(Level?)
    case node(String)
}

/// The calls in the cluster client's terms.
extension ShardKVClient {
    @inline(__always)
    func get(
        _ request: GetRequest,
        _ target: CallTarget<ReadLevel>,
        isHedged: Bool? = nil,
        _ timeout: Duration?
    ) async throws(ShardKVError) -> GetResponse {
        guard configuration.sharesReads, case .replicas(let level) = target else {
            return try await getAlone(request, target, isHedged: isHedged, timeout)
        }
        let key = SharedReads.Key(
            request: request.key,
            withMetadata: request.withMetadata,
            level: level ?? configuration.readLevel
        )
        return try await sharedReads.share(key) {
            do throws(ShardKVError) {
                return .success(try await self.getAlone(request, target, isHedged: isHedged, timeout))
            } catch { return .failure(error) }
        }
    }

    @inline(__always)
    private func getAlone(
        _ request: GetRequest,
        _ target: CallTarget<ReadLevel>,
        isHedged: Bool?,
        _ timeout: Duration?
    ) async throws(ShardKVError) -> GetResponse {
        let isHedged = isHedged ?? configuration.hedging
        let milliseconds = timeout?.milliseconds ?? timeoutMilliseconds
        do throws(CallFailure) {
            switch target {
            case .node(let node):
                return try await cluster.get(request, from: node, timeoutMilliseconds: milliseconds)
            case .replicas(let level):
                switch level ?? configuration.readLevel {
                case .one:
                    return try await cluster.get(
                        request,
                        isHedged: isHedged,
                        timeoutMilliseconds: milliseconds
                    )
                case .quorum:
                    return try await cluster.quorumGet(
                        request,
                        isHedged: isHedged,
                        timeoutMilliseconds: milliseconds
                    )
                }
            }
        } catch { throw ShardKVError(error) }
    }

    func set(
        _ key: [UInt8],
        _ value: [UInt8],
        ttl: Duration?,
        _ target: CallTarget<WriteLevel>,
        _ timeout: Duration?
    ) async throws(ShardKVError) {
        do throws(CallFailure) {
            try await cluster.set(
                key,
                value,
                ttlMilliseconds: ttl?.signedMilliseconds ?? 0,
                on: writeTarget(target),
                timeoutMilliseconds: timeout?.milliseconds ?? timeoutMilliseconds
            )
        } catch { throw ShardKVError(error) }
    }

    func delete(
        _ key: [UInt8],
        _ target: CallTarget<WriteLevel>,
        _ timeout: Duration?
    ) async throws(ShardKVError) {
        do throws(CallFailure) {
            try await cluster.delete(
                key,
                on: writeTarget(target),
                timeoutMilliseconds: timeout?.milliseconds ?? timeoutMilliseconds
            )
        } catch { throw ShardKVError(error) }
    }

    /// Sends one request to one node, as it is.
    package func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeout: Duration
    ) async throws(ShardKVError) -> Request.Response {
        do throws(CallFailure) {
            return try await cluster.send(request, to: node, timeoutMilliseconds: timeout.milliseconds)
        } catch { throw ShardKVError(error) }
    }

    package func explain(_ key: [UInt8], timeout: Duration) async throws(ShardKVError) -> Explanation {
        do throws(CallFailure) {
            return try await cluster.explain(key, timeoutMilliseconds: timeout.milliseconds)
        } catch { throw ShardKVError(error) }
    }

    private func writeTarget(_ target: CallTarget<WriteLevel>) -> WriteTarget {
        switch target {
        case .node(let node): .node(node)
        case .replicas(let level):
            switch level ?? configuration.writeLevel {
            case .one: .replicas(.one)
            case .quorum: .replicas(.quorum)
            case .all: .replicas(.all)
            }
        }
    }
}
