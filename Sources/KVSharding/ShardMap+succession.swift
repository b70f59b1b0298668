extension ShardMap {
    /// What forbids that `next` follows `current` in a running cluster; empty = it may.
    package static func checkSuccession(of current: ShardMap, by next: ShardMap) -> [Fault] {
        var faults: [Fault] = []
        if next.numShards != current.numShards {
            faults.append(
                Fault(
                    place: "numShards",
                    message:
                        "changes from \(current.numShards) to \(next.numShards), which would move keys between shards"
                )
            )
        }
        for name in next.nodeNames {
            guard let address = next.nodes[name], let old = current.nodes[name], address != old else { continue }
            faults.append(
                Fault(
                    place: "nodes.\(JSONText.quotedShort(name))",
                    message: "moves from \(old) to \(address): a name keeps its address, a new address needs a new name"
                )
            )
        }
        if let old = current.epoch, let new = next.epoch, new < old || (new == old && !next.hasSameContent(as: current))
        {
            faults.append(epochFault(new, inForce: old))
        }
        return faults
    }

    static func epochFault(_ epoch: UInt64, inForce: UInt64) -> Fault {
        Fault(place: "epoch", message: "\(epoch) is not above \(inForce), the epoch of the map in force")
    }
}
