package import KVSharding

/// The maps of a run, one after the other: the owners of shard i at i - 1. Their epochs are 1, 2, …
package struct MapSeries: Sendable {
    package typealias Owners = [[String]]

    /// How one map follows another.
    package enum Change: CaseIterable, Sendable {
        /// All shards go one node further on.
        case rotation
        /// Some shards go to nodes that had nothing of them.
        case disjoint
        /// The map before the last one is back.
        case back
        /// One owner is replaced.
        case replacement
        case addition
        case removal
        /// About half of the shards have no owner any more; those that had none get some.
        case drop

        /// Those that leave every shard with an owner.
        package static let ofOwned = allCases.filter { $0 != .drop }
    }

    package let nodes: [String]
    package let replicas: Int
    package let minReplicas: Int
    package private(set) var maps: [Owners]
    package private(set) var returns = 0

    package init(nodes: [String], shardCount: Int, replicas: Int, minReplicas: Int) {
        self.nodes = nodes
        self.replicas = replicas
        self.minReplicas = minReplicas
        maps = [(0..<shardCount).map { shard in (0..<replicas).map { nodes[(shard + $0) % nodes.count] } }]
    }

    package mutating func append(_ change: Change, _ random: inout SeededRandom) {
        let last = maps.last!
        switch change {
        case .back where maps.count > 1:
            maps.append(maps[maps.count - 2])
            returns += 1
        case .back, .rotation:
            maps.append(last.map { owners in owners.map { nodes[(nodes.firstIndex(of: $0)! + 1) % nodes.count] } })
        case .disjoint: changeSome(last, &random) { owners, others in Array(others.prefix(owners.count)) }
        case .replacement: changeSome(last, &random) { owners, others in Array(owners.dropFirst() + others.prefix(1)) }
        case .addition: changeSome(last, &random) { owners, others in owners + others.prefix(1) }
        case .removal: changeSome(last, &random) { owners, _ in Array(owners.dropFirst()) }
        case .drop:
            maps.append(
                last.map { owners in
                    if owners.isEmpty { return Array(nodes.shuffled(using: &random).prefix(replicas)) }
                    return random.chance(0.5) ? [] : owners
                }
            )
        }
    }

    /// About half of the shards get other owners, where enough are left.
    private mutating func changeSome(
        _ last: Owners,
        _ random: inout SeededRandom,
        _ change: (_ owners: [String], _ others: [String]) -> [String]
    ) {
        maps.append(
            last.map { owners in
                let others = nodes.filter { !owners.contains($0) }.shuffled(using: &random)
                let next = change(owners.shuffled(using: &random), others)
                return random.chance(0.5) && next.count >= minReplicas ? next : owners
            }
        )
    }

    /// Of every shard.
    package func owners(at mapEpoch: UInt64) -> Owners { maps[Int(mapEpoch) - 1] }

    package func owners(of shard: Int, at mapEpoch: UInt64) -> [String] { maps[Int(mapEpoch) - 1][shard - 1] }

    /// No owner can miss a change that others make: with three replicas one that was not heard goes on answering reads at `one`.
    package var everyOwnerHearsOfChanges: Bool { maps.allSatisfy { $0.allSatisfy { $0.count < 3 } } }

    /// Shards that have no owners at an epoch, but had some before it.
    package func dropped(at mapEpoch: UInt64) -> [Int] {
        guard mapEpoch > 1 else { return [] }
        return (1...maps[0].count).filter {
            owners(of: $0, at: mapEpoch).isEmpty && !owners(of: $0, at: mapEpoch - 1).isEmpty
        }
    }

    /// The map of an epoch as one process sees it.
    package func map(_ epoch: UInt64, addresses: [String: NodeAddress]) throws(ShardMapError) -> ShardMap {
        let owners = owners(at: epoch)
        return try ShardMap(
            epoch: epoch,
            numShards: owners.count,
            nodes: addresses,
            members: Dictionary(uniqueKeysWithValues: owners.enumerated().map { ($0.offset + 1, $0.element) })
        )
    }
}
