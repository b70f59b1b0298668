internal import KVCore
internal import KVSharding
package import KVWire

/// Where a key's requests go, and why.
package struct Explanation {
    package struct Replica {
        package let node: String
        package let isOfMap: Bool
        /// 0 = not asked yet.
        package let latencyMicroseconds: Double
        package let inFlight: Int
        package let load: Int
        /// What balancing goes by.
        package let cost: Double
        /// For so many milliseconds reads leave the node out; nil = they do not.
        package let ejectedMilliseconds: UInt64?
    }

    package let hash: UInt32
    package let shard: Int
    package let mapEpoch: UInt64
    package let mapMembers: [String]
    /// What servers told; nil = nothing yet, so that the map counts.
    package let view: View?
    /// What writes carry.
    package let viewIdentifier: UInt64
    package let replicas: [Replica]
    /// Whom a read would ask, in this order.
    package let order: [String]
}

extension ClusterClient {
    /// Fetches the map if there is none yet.
    package func explain(_ key: [UInt8], timeoutMilliseconds: UInt64) async throws(CallFailure) -> Explanation {
        try Self.check(key: key)
        let map = try await fetchedMap(timeoutMilliseconds: timeoutMilliseconds)
        let route = try route(of: key)
        let now = time.monotonicMicroseconds
        let members = map.members(of: route.shard)
        let (candidates, first) = order(route, now: now)
        return Explanation(
            hash: key.withUnsafeBytes { RoutingHash.fnv1($0) },
            shard: route.shard,
            mapEpoch: mapEpoch ?? 0,
            mapMembers: members,
            view: view(of: route.shard),
            viewIdentifier: route.view,
            replicas: route.nodes.map { node in
                Explanation.Replica(
                    node: node.name,
                    isOfMap: members.contains(node.name),
                    latencyMicroseconds: node.latencyMicroseconds(now: now),
                    inFlight: node.inFlight,
                    load: node.load,
                    cost: node.cost(now: now),
                    ejectedMilliseconds: node.isEjected ? max(now / 1000, node.ejectedUntil) - now / 1000 : nil
                )
            },
            order: Array(candidates[first...] + candidates[..<first])
        )
    }
}
