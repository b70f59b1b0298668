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

    @Option(help: "How long a call may take, with its unit: 250ms, 1s, 2m.")
    var timeout: Duration = .seconds(1)

    @Option(help: "Address exactly this node and no other replica.")
    var node: String?

    func validate() throws {
        if timeout <= .zero { throw ValidationError("--timeout must be above 0") }
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
