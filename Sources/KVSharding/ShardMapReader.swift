/// Turns a JSON document into a `ShardMap`, and collects every fault on the way: a fault never hides another, and brings no
/// follow-on faults with it.
struct ShardMapReader {
    static let maxNameBytes = 255

    private(set) var faults: [ShardMap.Fault] = []

    /// Members that no rule names are skipped, so that a later release may add some.
    static func read(_ document: JSONValue) throws(ShardMapError) -> ShardMap {
        var reader = ShardMapReader()
        let map = reader.map(document)
        guard let map, reader.faults.isEmpty else { throw ShardMapError(faults: reader.faults) }
        return map
    }

    private mutating func map(_ document: JSONValue) -> ShardMap? {
        guard let members = object(document, at: "top level") else { return nil }
        let top = fields(["epoch", "numShards", "nodes", "shards"], of: members, at: "")
        let epoch = top["epoch"].map { integer($0, at: "epoch", in: 0...Int.max) }
        let numShards = integer(top["numShards"], at: "numShards", in: 1...ShardMap.maxShards)
        let nodes = nodes(top["nodes"])
        let membersByShard = shards(top["shards"], numShards: numShards, names: nodes?.names)
        guard let numShards, let nodes, let membersByShard else { return nil }
        return ShardMap(
            checkedEpoch: epoch?.map { UInt64($0) },
            numShards: numShards,
            nodes: nodes.addresses,
            membersByShard: membersByShard
        )
    }

    /// `names` has the nodes with a faulty address too: shards may still refer to them.
    private mutating func nodes(_ value: JSONValue?) -> (names: Set<String>, addresses: [String: NodeAddress])? {
        guard let members = object(value, at: "nodes") else { return nil }
        var names: Set<String> = []
        var addresses: [String: NodeAddress] = [:]
        var holders: [NodeAddress: String] = [:]
        for member in members {
            let place = "nodes.\(JSONText.quotedShort(member.name))"
            check(member.name, called: "name", allowsSpace: true, at: place)
            guard names.insert(member.name).inserted else {
                fault(place, "the node is there twice")
                continue
            }
            guard let address = address(member.value, at: place) else { continue }
            if let holder = holders.updateValue(member.name, forKey: address) {
                fault(place, "node \(JSONText.quotedShort(holder)) has the same address and port, \(address)")
            }
            addresses[member.name] = address
        }
        return (names, addresses)
    }

    private mutating func address(_ value: JSONValue, at place: String) -> NodeAddress? {
        guard let members = object(value, at: place) else { return nil }
        let fields = fields(["address", "port"], of: members, at: place + ".")
        let host = string(fields["address"], at: "\(place).address")
        if let host { check(host, called: "address", allowsSpace: false, at: "\(place).address") }
        let port = integer(fields["port"], at: "\(place).port", in: 1...65535)
        guard let host, let port else { return nil }
        return NodeAddress(host: host, port: port)
    }

    /// Nil for `numShards` or `names`: unknown because of another fault, so nothing is checked against it.
    private mutating func shards(_ value: JSONValue?, numShards: Int?, names: Set<String>?) -> [[String]]? {
        guard let lists = object(value, at: "shards") else { return nil }
        var membersByShard = [[String]](repeating: [], count: numShards ?? 0)
        var seen: Set<String> = []
        for list in lists {
            let place = "shards.\(JSONText.quotedShort(list.name))"
            let members = members(list.value, at: place, names: names)
            if !seen.insert(list.name).inserted {
                fault(place, "the shard is there twice")
            } else if !Self.isCanonicalInteger(list.name) {
                fault(place, "not a shard number (an integer in plain digits)")
            } else if let numShards {
                if let shard = Int(list.name), (1...numShards).contains(shard) {
                    membersByShard[shard - 1] = members
                } else {
                    fault(place, "shard \(JSONText.shortened(list.name)) is outside 1…\(numShards)")
                }
            }
        }
        return membersByShard
    }

    /// The nodes of one shard. Null counts as none: it is how the seed system's language writes an empty list.
    private mutating func members(_ value: JSONValue, at place: String, names: Set<String>?) -> [String] {
        if value == .null { return [] }
        guard case .array(let elements) = value else {
            fault(place, "expected an array of node names, found \(value.kind)")
            return []
        }
        var members: [String] = []
        var seen: Set<String> = []
        for (index, element) in elements.enumerated() {
            guard let name = string(element, at: "\(place)[\(index)]") else { continue }
            if let names, !names.contains(name) {
                fault("\(place)[\(index)]", "unknown node \(JSONText.quotedShort(name))")
            }
            if !seen.insert(name).inserted {
                fault("\(place)[\(index)]", "node \(JSONText.quotedShort(name)) is there twice")
            }
            members.append(name)
        }
        return members
    }

    private static func isCanonicalInteger(_ text: String) -> Bool {
        let digits = text.hasPrefix("-") ? text.dropFirst() : Substring(text)
        guard let first = digits.utf8.first, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return false
        }
        return first != UInt8(ascii: "0") || text == "0"
    }
}

/// The shapes of JSON, each read with its fault: nil after a fault.
extension ShardMapReader {
    private mutating func fault(_ place: String, _ message: String) {
        faults.append(ShardMap.Fault(place: place, message: message))
    }

    private mutating func expected(_ what: String, at place: String, found value: JSONValue?) {
        fault(place, value.map { "expected \(what), found \($0.kind)" } ?? "missing")
    }

    private mutating func object(_ value: JSONValue?, at place: String) -> [JSONValue.Member]? {
        if case .object(let members) = value { return members }
        expected("an object", at: place, found: value)
        return nil
    }

    private mutating func string(_ value: JSONValue?, at place: String) -> String? {
        if case .string(let text) = value { return text }
        expected("a string", at: place, found: value)
        return nil
    }

    private mutating func integer(_ value: JSONValue?, at place: String, in range: ClosedRange<Int>) -> Int? {
        guard case .number(let text) = value, !text.contains(where: { ".eE".contains($0) }) else {
            expected("an integer", at: place, found: value)
            return nil
        }
        if let number = Int(text), range.contains(number) { return number }
        fault(place, "\(JSONText.shortened(text)) is outside \(range.lowerBound)…\(range.upperBound)")
        return nil
    }

    /// The members with these names; one that is there twice is a fault, because readers disagree about which one counts.
    private mutating func fields(
        _ names: Set<String>,
        of members: [JSONValue.Member],
        at prefix: String
    ) -> [String: JSONValue] {
        var fields: [String: JSONValue] = [:]
        for member in members where names.contains(member.name) {
            if fields.updateValue(member.value, forKey: member.name) != nil {
                fault(prefix + member.name, "is there twice")
            }
        }
        return fields
    }

    private mutating func check(_ text: String, called what: String, allowsSpace: Bool, at place: String) {
        if text.isEmpty { fault(place, "the \(what) is empty") }
        if text.utf8.count > Self.maxNameBytes { fault(place, "the \(what) is longer than \(Self.maxNameBytes) bytes") }
        if text.unicodeScalars.contains(where: JSONText.isControl) {
            fault(place, "the \(what) has a control character")
        }
        if !allowsSpace, text.utf8.contains(UInt8(ascii: " ")) { fault(place, "the \(what) has a space") }
    }
}
