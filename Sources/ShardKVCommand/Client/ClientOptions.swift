import ArgumentParser
import Glibc
import KVSharding
import Logging
import ShardKV

/// The options of every command that talks to a cluster.
struct ClientOptions: ParsableArguments {
    @Option(
        help: "The shard map's file; without it, the environment variable SHARDKV_SHARDMAP.",
        completion: .file(extensions: ["json"])
    )
    var shardmap: String?

    @Option(
        help: ArgumentHelp(
            "Servers of the cluster instead of a file: the first that answers tells the shard map.",
            valueName: "host:port,…"
        )
    )
    var nodes: String?

    @Option(
        parsing: .unconditional,
        help: """
            How long a call may take, with its unit: 250ms, 1s, 2m. Without it 1s; outside of stress 10s for what reads \
            values, and 1s more for each 8MiB of a value that is set.
            """
    )
    var timeout: Duration?

    @Option(help: "Address exactly this node and no other replica.")
    var node: String?

    func validate() throws {
        if let timeout, timeout <= .zero { throw ValidationError("--timeout must be above 0") }
        if shardmap != nil, nodes != nil { throw ValidationError("Give either --shardmap or --nodes") }
    }

    /// How long a call may take that carries no value.
    var plainTimeout: Duration { timeout ?? .seconds(1) }

    /// How long a call may take whose answer holds values, of sizes unknown before.
    var readTimeout: Duration { timeout ?? .seconds(10) }

    /// How long a call may take that carries a value.
    func writeTimeout(valueBytes: Int) -> Duration {
        timeout ?? .seconds(1) + .milliseconds(1000 * valueBytes / (8 << 20))
    }

    /// Runs `body` with a client that follows the shard map meanwhile, and closes it.
    /// - Parameter configure: changes the client's options.
    func withClient<Result>(
        _ configure: (inout ShardKVClient.Configuration) -> Void = { _ in },
        _ body: (ShardKVClient) async throws(CommandFailure) -> Result
    ) async throws(CommandFailure) -> Result {
        let client = try makeClient(configure)
        let following = Task { try? await client.run() }
        let result: Swift.Result<Result, CommandFailure>
        do throws(CommandFailure) {
            if let node {
                let map = try await shardMap(of: client)
                guard map.nodes[node] != nil else {
                    let names = map.nodeNames.joined(separator: ", ")
                    throw CommandFailure("INVALID_ARGUMENT: the shard map has no node \(node); it has \(names)")
                }
            }
            result = .success(try await body(client))
        } catch {
            result = .failure(error)
        }
        following.cancel()
        await client.close()
        return try result.get()
    }

    /// The shard map that the client follows.
    func shardMap(of client: ShardKVClient) async throws(CommandFailure) -> ShardMap {
        do throws(ShardKVError) { return try await client.fetchShardMap(timeout: plainTimeout) } catch {
            throw CommandFailure(error)
        }
    }

    private func makeClient(
        _ configure: (inout ShardKVClient.Configuration) -> Void
    ) throws(CommandFailure) -> ShardKVClient {
        let source = try source
        do throws(ShardKVError) {
            var logger = Logger(label: "shardkv")
            logger.logLevel = .error
            var configuration = ShardKVClient.Configuration(shardMap: source)
            configure(&configuration)
            return try ShardKVClient(configuration: configuration, logger: logger)
        } catch { throw CommandFailure(error) }
    }

    private var source: ShardMapSource {
        get throws(CommandFailure) {
            if let nodes { return .servers(nodes.split(separator: ",").map(String.init)) }
            guard let path = shardmap ?? getenv("SHARDKV_SHARDMAP").map({ String(cString: $0) }), !path.isEmpty else {
                throw CommandFailure("no shard map: give --shardmap FILE or --nodes HOST:PORT, or set SHARDKV_SHARDMAP")
            }
            return .file(path: path)
        }
    }
}
