import ArgumentParser
import KVClient
import KVCore
import KVSharding
import KVWire
import ShardKV

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show where a key lives and whom a read of it would ask.",
        discussion: """
            The way from the key to its replicas, what each of them has of it, and how it answers: a replica is asked a few \
            times, so that there is a latency to go by.

            EXAMPLES
              shardkv explain greeting
            """
    )

    /// How often each replica is asked.
    private static let samples = 5

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var options: ClientOptions

    func run() async throws {
        let key = RawArgument.bytes(of: key)
        try await options.withClient { client throws(CommandFailure) in
            let text: String
            do throws(ShardKVError) {
                text = try await explain(client, key)
            } catch { throw CommandFailure(error) }
            try StandardStream.output.write(text)
        }
    }

    private func explain(_ client: ShardKVClient, _ key: [UInt8]) async throws(ShardKVError) -> String {
        // A read by view brings the view.
        _ = try? await client.get(key, level: .quorum, timeout: options.readTimeout)
        let replicas = try await client.explain(key, timeout: options.plainTimeout).replicas
        var records: [String: Result<GetResponse, ShardKVError>] = [:]
        for replica in replicas {
            for _ in 0..<Self.samples { records[replica.node] = await ask(client, key, replica.node) }
        }
        let explanation = try await client.explain(key, timeout: options.plainTimeout)
        return text(explanation, try await client.fetchShardMap(timeout: options.plainTimeout), records)
    }

    private func ask(
        _ client: ShardKVClient,
        _ key: [UInt8],
        _ node: String
    ) async -> Result<GetResponse, ShardKVError> {
        let request = GetRequest(key: key, withMetadata: true, metadataOnly: true)
        do throws(ShardKVError) {
            return .success(try await client.send(request, to: node, timeout: options.plainTimeout))
        } catch { return .failure(error) }
    }

    private func text(
        _ explanation: Explanation,
        _ map: ShardMap,
        _ records: [String: Result<GetResponse, ShardKVError>]
    ) -> String {
        let hash = String(explanation.hash, radix: 16)
        var text = """
            hash   0x\(String(repeating: "0", count: 8 - hash.count))\(hash)
            shard  \(explanation.shard) of \(map.numShards)
            map    epoch \(explanation.mapEpoch): \(explanation.mapMembers.joined(separator: ", "))\n
            """
        if let view = explanation.view {
            let members = view.members.map { "\($0.node) (incarnation \($0.incarnation))" }.joined(separator: ", ")
            let identifier = String(explanation.viewIdentifier, radix: 16)
            text += "view   epoch \(view.epoch): \(members); identifier 0x\(identifier)\n"
        } else {
            text += "view   not told by a server: the map counts\n"
        }
        var table = TextTable(header: ["REPLICA", "ADDRESS", "RECORD", "VERSION", "DEADLINE", "LATENCY", "STATE"])
        for replica in explanation.replicas {
            let address = explanation.view?.members.first { $0.node == replica.node }.map { "\($0.address):\($0.port)" }
            table.append(
                [replica.node, map.nodes[replica.node]?.description ?? address ?? "?"]
                    + Self.cells(of: records[replica.node]) + [
                        replica.latencyMicroseconds == 0
                            ? "-" : "\((replica.latencyMicroseconds / 1000).fixed(decimals: 2))ms",
                        replica.ejectedMilliseconds.map { "left out for \($0)ms" } ?? "well",
                    ]
            )
        }
        let order = explanation.order.joined(separator: ", then ")
        return text + "\n" + table.text + "\nnext   \(order): \(Self.reason(explanation))\n"
    }

    private static func cells(of record: Result<GetResponse, ShardKVError>?) -> [String] {
        switch record {
        case nil: return ["-", "-", "-"]
        case .failure(let error): return ["\(error.code)", "-", "-"]
        case .success(let response):
            if response.version.isNone { return ["none", "-", "-"] }
            let version = "\(response.version.time)-\(String(response.version.writer, radix: 16))"
            return ["\(response.kind)", version, response.expiresAt == 0 ? "never" : "\(response.expiresAt)"]
        }
    }

    private static func reason(_ explanation: Explanation) -> String {
        guard let next = explanation.replicas.first(where: { $0.node == explanation.order.first }) else {
            return "no other choice"
        }
        if explanation.replicas.count == 1 { return "the only replica" }
        let left = explanation.replicas.filter { $0.ejectedMilliseconds != nil && $0.node != next.node }.map(\.node)
        let cost =
            "cost \((next.cost / 1000).fixed(decimals: 2)) = latency in ms × (1 + \(next.inFlight) under way + load \(next.load))"
        return "the cheaper of two random replicas, \(cost)"
            + (left.isEmpty ? "" : "; \(left.joined(separator: ", ")) is left out")
    }
}
