extension ShardMap {
    /// Reads a shard map file's content.
    package init(json: [UInt8]) throws(ShardMapError) {
        self = try ShardMapReader.read(JSONParser.parse(json))
    }

    /// - Parameter members: the nodes of each shard, by its number; a shard that is not there has none.
    ///
    /// Takes the way of a file, so that the rules exist once.
    package init(
        epoch: UInt64? = nil,
        numShards: Int,
        nodes: [String: NodeAddress],
        members: [Int: [String]]
    ) throws(ShardMapError) {
        let nodes = nodes.sorted { NaturalOrder.precedes($0.key, $1.key) }.map { name, address in
            JSONValue.Member(
                name: name,
                value: .object([
                    JSONValue.Member(name: "address", value: .string(address.host)),
                    JSONValue.Member(name: "port", value: .number("\(address.port)")),
                ])
            )
        }
        let shards = members.sorted { $0.key < $1.key }.map { shard, names in
            JSONValue.Member(name: "\(shard)", value: .array(names.map { .string($0) }))
        }
        var top = [
            JSONValue.Member(name: "numShards", value: .number("\(numShards)")),
            JSONValue.Member(name: "nodes", value: .object(nodes)),
            JSONValue.Member(name: "shards", value: .object(shards)),
        ]
        if let epoch { top.append(JSONValue.Member(name: "epoch", value: .number("\(epoch)"))) }
        self = try ShardMapReader.read(.object(top))
    }

    /// The map as a file: one line per node and per shard, nodes in natural order, shards by number. Equal maps give
    /// equal text, and `init(json:)` gives the map back.
    package func json() -> String {
        var top: [String] = []
        if let epoch { top.append("  \"epoch\": \(epoch)") }
        top.append("  \"numShards\": \(numShards)")
        let nodes = nodes.sorted { NaturalOrder.precedes($0.key, $1.key) }.map { name, address in
            "    \(JSONText.quoted(name)): { \"address\": \(JSONText.quoted(address.host)), \"port\": \(address.port) }"
        }
        top.append(Self.block("nodes", nodes))
        let shards = shards.map { shard in
            "    \"\(shard)\": [\(members(of: shard).map(JSONText.quoted).joined(separator: ", "))]"
        }
        top.append(Self.block("shards", shards))
        return "{\n\(top.joined(separator: ",\n"))\n}\n"
    }

    private static func block(_ name: String, _ lines: [String]) -> String {
        lines.isEmpty ? "  \"\(name)\": {}" : "  \"\(name)\": {\n\(lines.joined(separator: ",\n"))\n  }"
    }

    /// 64 bits that are equal on all machines for maps of equal content, whatever their epoch.
    package var fingerprint: UInt64 {
        var hash = StableHash()
        let content = ShardMap(
            checkedEpoch: nil,
            numShards: numShards,
            nodes: nodes,
            membersByShard: shards.map(members)
        )
        hash.combine(content.json().utf8)
        return hash.value
    }
}
