import KVSharding
import KVWire

/// What every node of a shard map said when it was asked.
struct ClusterStatus {
    struct Node {
        let name: String
        let address: String
        let answer: Result<GetStatusResponse, CommandFailure>
    }

    let map: ShardMap
    /// In the map's natural order.
    let nodes: [Node]

    /// What keeps the cluster from being ready: a node that does not answer, or a shard that one of its nodes does
    /// not serve. Empty = ready.
    var obstacles: [String] {
        nodes.flatMap { node -> [String] in
            switch node.answer {
            case .failure(let failure): return ["\(node.name): \(failure.message)"]
            case .success(let status):
                let serving = Set(status.shards.filter { $0.state == .serving }.map(\.shard))
                let missing = map.shards(of: node.name).filter { !serving.contains($0) }
                if missing.isEmpty { return [] }
                return ["\(node.name): does not serve yet: shard \(missing.map(String.init).joined(separator: ", "))"]
            }
        }
    }

    /// A node a line, then what deserves attention.
    var text: String {
        var table = TextTable(header: ["NODE", "ADDRESS", "STATE", "SHARDS", "KEYS", "MEMORY", "EPOCH", "HANDOVERS"])
        var notes: [String] = []
        for node in nodes {
            switch node.answer {
            case .failure(let failure):
                table.append([node.name, node.address, "unreachable", "-", "-", "-", "-", "-"])
                notes.append("\(node.name): \(failure.message.onOneLine)")
            case .success(let status):
                table.append([node.name, node.address] + Self.cells(status))
                if !status.mapError.isEmpty {
                    notes.append("\(node.name): its newest shard map is refused: \(status.mapError.onOneLine)")
                }
                if status.waivedCopies > 0 {
                    notes.append("\(node.name): \(Self.waived(status))")
                }
            }
        }
        return table.text + (notes.isEmpty ? "" : "\n" + notes.map { $0 + "\n" }.joined())
    }

    private static func waived(_ status: GetStatusResponse) -> String {
        let waiting = status.shards.filter { !$0.waived.isEmpty }
        let names = Set(waiting.flatMap(\.waived)).sorted().joined(separator: ", ")
        return "\(status.waivedCopies) times a shard began to serve without all that may have been acknowledged"
            + (waiting.isEmpty ? "" : "; what \(names) may still hold of \(waiting.count) shards is missing")
    }

    private static func cells(_ status: GetStatusResponse) -> [String] {
        let serving = status.shards.count { $0.state == .serving }
        let keys = status.shards.reduce(0) { $0 + $1.keys }
        var memory = ByteSize(bytes: Int(clamping: status.memoryBytes)).description
        if status.memoryLimitBytes > 0 {
            memory += " of \(ByteSize(bytes: Int(clamping: status.memoryLimitBytes)))"
        }
        let handovers = status.shards.compactMap(handover)
        return [
            status.isDraining ? "draining" : "up", "\(serving)", "\(keys)", memory, "\(status.mapEpoch)",
            handovers.isEmpty ? "-" : handovers.joined(separator: "; "),
        ]
    }

    /// `120 keys, 4.0 MiB of 8.0 MiB, 2.0 MiB/s, 2 s left`
    private static func progress(_ shard: ShardStatus) -> String {
        func size(_ bytes: UInt64) -> String { ByteSize(bytes: Int(clamping: bytes)).description }
        var text = "\(shard.copiedKeys) keys, \(size(shard.copiedBytes))"
        if shard.sourceBytes > 0 { text += " of \(size(shard.sourceBytes))" }
        guard shard.copyElapsedMilliseconds > 0, shard.copiedBytes > 0 else { return text }
        let rate = Double(shard.copiedBytes) / Double(shard.copyElapsedMilliseconds) * 1000
        text += ", \(size(UInt64(rate)))/s"
        if shard.sourceBytes > shard.copiedBytes {
            text += ", \(Int((Double(shard.sourceBytes - shard.copiedBytes) / rate).rounded(.up))) s left"
        }
        return text
    }

    /// `3 from n1 (120 keys, 4.0 MiB of 8.0 MiB, …)` for a shard that comes, `5 to n2, n4` for one that goes; nil for one that stays.
    private static func handover(_ shard: ShardStatus) -> String? {
        switch shard.state {
        case .absent, .serving: return nil
        case .joining, .recovering:
            if shard.source.isEmpty {
                return shard.awaited.isEmpty
                    ? "\(shard.shard) waits" : "\(shard.shard) waits for \(shard.awaited.joined(separator: ", "))"
            }
            return "\(shard.shard) from \(shard.source) (\(progress(shard)))"
        case .leaving:
            return "\(shard.shard) to \(shard.awaited.isEmpty ? "?" : shard.awaited.joined(separator: ", "))"
        }
    }
}
