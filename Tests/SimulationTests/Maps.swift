import KVSharding

/// The maps that the simulations move between. Nodes are n1, n2, …
enum Maps {
    static func make(_ members: [[String]], nodes: Int) -> ShardMap {
        let addresses = (1...nodes).map { ("n\($0)", NodeAddress(host: "127.0.0.1", port: 9000 + $0)) }
        return try! ShardMap(
            numShards: members.count,
            nodes: Dictionary(uniqueKeysWithValues: addresses),
            members: Dictionary(uniqueKeysWithValues: members.enumerated().map { ($0.offset + 1, $0.element) })
        )
    }

    /// The shards in pairs on (n1,n2) (n2,n3) (n3,n4) (n4,n1).
    static let initial4 = make(pairs(from: 0), nodes: 4)
    /// Each pair one node further on.
    static let migrated4 = make(pairs(from: 1), nodes: 4)

    private static func pairs(from first: Int) -> [[String]] {
        (0..<8).map { shard in
            let pair = shard / 2 + first
            return ["n\(pair % 4 + 1)", "n\((pair + 1) % 4 + 1)"]
        }
    }
}
