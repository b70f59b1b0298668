/// Makes a map of nodes n1, n2, … that listen on one address, on ports that count up.
package struct ShardMapGenerator: Sendable {
    package var nodes: Int
    package var shards: Int
    /// Nodes per shard.
    package var replicas: Int
    /// With it, each shard gets a random number of nodes from `replicas` to this.
    package var maxReplicas: Int?
    /// Shard i on the nodes i, i + 1, … (after the last comes n1) rather than on random ones: all nodes get equally many.
    package var stripe: Bool
    package var address: String
    package var basePort: Int
    package var epoch: UInt64?

    package static let defaultAddress = "127.0.0.1"
    package static let defaultBasePort = 9000

    package init(
        nodes: Int,
        shards: Int,
        replicas: Int,
        maxReplicas: Int? = nil,
        stripe: Bool = false,
        address: String = defaultAddress,
        basePort: Int = defaultBasePort,
        epoch: UInt64? = nil
    ) {
        self.nodes = nodes
        self.shards = shards
        self.replicas = replicas
        self.maxReplicas = maxReplicas
        self.stripe = stripe
        self.address = address
        self.basePort = basePort
        self.epoch = epoch
    }

    package func generate(using random: inout some RandomNumberGenerator) throws(ShardMapError) -> ShardMap {
        try check("nodes", nodes, in: 1...65535)
        try check("shards", shards, in: 1...ShardMap.maxShards)
        try check("replicas", replicas, in: 1...nodes)
        if let maxReplicas { try check("max-replicas", maxReplicas, in: replicas...nodes) }

        let (lastPort, overflow) = basePort.addingReportingOverflow(nodes - 1)
        guard basePort >= 1, !overflow, lastPort <= 65535 else {
            throw ShardMapError(
                place: "base-port",
                message: "\(nodes) ports from \(basePort) on do not fit into 1…65535"
            )
        }
        var addresses: [String: NodeAddress] = [:]
        for node in 0..<nodes { addresses["n\(node + 1)"] = NodeAddress(host: address, port: basePort + node) }

        var members: [Int: [String]] = [:]
        var order = Array(0..<nodes)
        for shard in 1...shards {
            let count = maxReplicas.map { Int.random(in: replicas...$0, using: &random) } ?? replicas
            let chosen: [Int]
            if stripe {
                chosen = (0..<count).map { (shard - 1 + $0) % nodes }
            } else {
                // The first steps of a shuffle: a fair choice without shuffling all nodes.
                for place in 0..<count { order.swapAt(place, Int.random(in: place..<nodes, using: &random)) }
                chosen = order[..<count].sorted()
            }
            members[shard] = chosen.map { "n\($0 + 1)" }
        }
        return try ShardMap(epoch: epoch, numShards: shards, nodes: addresses, members: members)
    }

    private func check(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws(ShardMapError) {
        guard range.contains(value) else {
            throw ShardMapError(place: name, message: "\(value) is outside \(range.lowerBound)…\(range.upperBound)")
        }
    }
}
