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
    func withClient<Result>(
        _ body: (ShardKVClient) async throws(CommandFailure) -> Result
    ) async throws(CommandFailure) -> Result {
        let client = try makeClient()
        if let node, client.shardMap.nodes[node] == nil {
            await client.close()
            let names = client.shardMap.nodeNames.joined(separator: ", ")
            throw CommandFailure("INVALID_ARGUMENT: the shard map has no node \(node); it has \(names)")
        }
        let following = Task { try? await client.run() }
        let result: Swift.Result<Result, CommandFailure>
        do throws(CommandFailure) {
            result = .success(try await body(client))
        } catch {
            result = .failure(error)
        }
        following.cancel()
        await client.close()
        return try result.get()
    }

    private func makeClient() throws(CommandFailure) -> ShardKVClient {
        guard let path = shardmap ?? getenv("SHARDKV_SHARDMAP").map({ String(cString: $0) }), !path.isEmpty else {
            throw CommandFailure("no shard map: give --shardmap FILE, or set SHARDKV_SHARDMAP")
        }
        do throws(ShardKVError) {
            var logger = Logger(label: "shardkv")
            logger.logLevel = .error
            return try ShardKVClient(configuration: .init(shardMap: .file(path: path)), logger: logger)
        } catch { throw CommandFailure(error) }
    }
}
