import KVWire

extension ClusterStatus {
    /// `{"ready": …, "nodes": [{"node": …, "shards": […]}]}`; a node that did not answer has an `error` instead.
    var json: JSON {
        .object([
            ("ready", .boolean(obstacles.isEmpty)),
            ("nodes", .array(nodes.map(Self.json))),
        ])
    }

    private static func json(_ node: Node) -> JSON {
        let head: [(name: String, value: JSON)] = [("node", .string(node.name)), ("address", .string(node.address))]
        switch node.answer {
        case .failure(let failure):
            return .object(head + [("error", .string(failure.message))])
        case .success(let status):
            return .object(
                head + [
                    ("server_version", .string(status.serverVersion)),
                    ("map_epoch", .integer(status.mapEpoch)),
                    ("map_error", .string(status.mapError)),
                    ("uptime_ms", .integer(status.uptimeMilliseconds)),
                    ("memory_bytes", .integer(status.memoryBytes)),
                    ("memory_limit_bytes", .integer(status.memoryLimitBytes)),
                    ("draining", .boolean(status.isDraining)),
                    ("waived_copies", .integer(status.waivedCopies)),
                    ("shards", .array(status.shards.map(json))),
                ]
            )
        }
    }

    private static func json(_ shard: ShardStatus) -> JSON {
        var members: [(name: String, value: JSON)] = [
            ("shard", .count(shard.shard)),
            ("state", .string("\(shard.state)")),
            ("keys", .integer(shard.keys)),
            ("bytes", .integer(shard.bytes)),
            ("markers", .integer(shard.markers)),
        ]
        if shard.state == .joining || shard.state == .recovering {
            members += [
                ("source", .string(shard.source)), ("copied_keys", .integer(shard.copiedKeys)),
                ("copied_bytes", .integer(shard.copiedBytes)),
                ("copy_elapsed_ms", .integer(shard.copyElapsedMilliseconds)),
                ("source_keys", .integer(shard.sourceKeys)), ("source_bytes", .integer(shard.sourceBytes)),
            ]
        }
        if shard.epoch > 0 {
            members += [
                ("epoch", .integer(shard.epoch)),
                ("members", .array(shard.members.map { .string($0.node) })),
                ("digest", .string(String(shard.digest, radix: 16))),
            ]
        }
        if !shard.waived.isEmpty { members.append(("waived", .array(shard.waived.map(JSON.string)))) }
        if shard.state != .serving { members.append(("awaited", .array(shard.awaited.map(JSON.string)))) }
        return .object(members)
    }
}
