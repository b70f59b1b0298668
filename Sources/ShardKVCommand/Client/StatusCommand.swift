import ArgumentParser
import KVSharding
import KVWire
import ShardKV

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what each node of the cluster holds and does.",
        discussion: """
            A node a line: the shards that it serves, their keys, its memory, the epoch of its shard map, and the shards \
            that are being handed over. Exit code 0 if every node answers, otherwise 2.

            EXAMPLES
              shardkv status
              shardkv status --json
              shardkv status --wait-ready 30
            """
    )

    @Option(
        parsing: .unconditional,
        help: "Wait up to so many seconds until every node answers and serves all its shards; exit code 2 if not.",
        transform: WaitSeconds.init
    )
    var waitReady: WaitSeconds?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.withClient { client throws(CommandFailure) in
            let deadline = ContinuousClock.now + (waitReady?.duration ?? .zero)
            let map = try await options.shardMap(of: client)
            var status = await ask(client, map)
            while !status.obstacles.isEmpty, ContinuousClock.now < deadline, !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(100))
                status = await ask(client, client.shardMap ?? map)
            }
            try StandardStream.output.write(json ? "\(status.json)\n" : status.text)
            if waitReady != nil, !status.obstacles.isEmpty {
                throw CommandFailure("not ready: \(status.obstacles.joined(separator: "; "))")
            }
            let silent = status.nodes.filter { if case .failure = $0.answer { true } else { false } }.map(\.name)
            if !silent.isEmpty { throw CommandFailure("no answer from \(silent.joined(separator: ", "))") }
        }
    }

    /// Asks all nodes, or the one of --node, at once.
    private func ask(_ client: ShardKVClient, _ map: ShardMap) async -> ClusterStatus {
        let names = options.node.map { [$0] } ?? map.nodeNames
        let timeout = options.plainTimeout
        let answers = await withTaskGroup { group in
            for name in names {
                group.addTask { () -> (String, Result<GetStatusResponse, CommandFailure>) in
                    do throws(ShardKVError) {
                        return (name, .success(try await client.send(GetStatusRequest(), to: name, timeout: timeout)))
                    } catch {
                        let message = error.replicaFailures.first?.message ?? error.message
                        return (name, .failure(CommandFailure("\(error.code): \(message)")))
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return ClusterStatus(
            map: map,
            nodes: names.map { name in
                .init(name: name, address: map.nodes[name]?.description ?? "?", answer: answers[name]!)
            }
        )
    }
}

/// `30` or `30s`: the option's name says seconds.
struct WaitSeconds {
    let duration: Duration

    init(_ text: String) throws {
        guard let duration = Duration(parsing: text) ?? Duration(parsing: text + "s") else {
            throw ValidationError("a number of seconds, or a duration such as 30s or 1m")
        }
        guard duration >= .zero else { throw ValidationError("it must not be negative") }
        self.duration = duration
    }
}
