/// What people want to know about a map, as text.
package struct ShardMapReport: Sendable {
    private let map: ShardMap
    private let names: [String]
    /// How many shards each node hosts, in the order of `names`.
    private let loads: [Int]
    /// How many nodes each shard has.
    private let replicas: [Int]

    package init(_ map: ShardMap) {
        self.map = map
        names = map.nodeNames
        let diff = ShardMapDiff(from: nil, to: map)
        loads = names.map { diff.shards(of: $0).gained.count }
        replicas = map.shards.map { map.members(of: $0).count }
    }

    /// One line: `5 nodes, 10 shards, 3 replicas each`, and what is worth a second look.
    package var summary: String {
        var parts = [Self.count(names.count, "node"), Self.count(map.numShards, "shard")]
        let (least, most) = (replicas.min() ?? 0, replicas.max() ?? 0)
        parts.append(least == most ? Self.count(least, "replica") + " each" : "\(least)…\(most) replicas")
        if let epoch = map.epoch { parts.append("epoch \(epoch)") }
        let orphans = replicas.count { $0 == 0 }
        if orphans > 0 { parts.append(Self.count(orphans, "shard") + " without a node") }
        let idle = loads.count { $0 == 0 }
        if idle > 0 { parts.append(Self.count(idle, "node") + " without a shard") }
        return parts.joined(separator: ", ")
    }

    /// The nodes with the number of their shards, the shards with their nodes, and the balance.
    package var text: String {
        let nodeRows = zip(names, loads).map { name, load in [name, map.nodes[name]?.description ?? "", "\(load)"] }
        let shardRows = map.shards.map { shard in
            ["\(shard)", map.members(of: shard).isEmpty ? "(none)" : map.members(of: shard).joined(separator: " ")]
        }
        return """
            \(summary)

            \(Self.table([["NODE", "ADDRESS", "SHARDS"]] + nodeRows))

            \(Self.table([["SHARD", "NODES"]] + shardRows))

            \(balance)

            """
    }

    private var balance: String {
        guard let least = loads.min(), let most = loads.max() else { return "Balance: no nodes" }
        let tenths = (loads.reduce(0, +) * 10 + loads.count / 2) / loads.count
        return "Balance: \(least)…\(most) shards per node, \(tenths / 10).\(tenths % 10) on average"
    }

    /// Columns two spaces apart, each as wide as its widest cell; the last is not padded.
    private static func table(_ rows: [[String]]) -> String {
        var widths = [Int](repeating: 0, count: rows[0].count)
        for row in rows { for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) } }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
