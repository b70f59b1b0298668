import ArgumentParser
import KVSharding
import KVWire
import ShardKV

struct ProceedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proceed",
        abstract: "Let a shard serve without the nodes that it waits for.",
        discussion: """
            A shard that moves, or whose node has started anew, waits for the nodes that may hold acknowledged writes. Where they \
            are gone for good, this ends the wait: the shard serves with what the nodes that answer have. Acknowledged \
            writes that only the others had are lost, unless they come back. Servers with --on-unrecoverable wait do \
            this on no other occasion.

            EXAMPLES
              shardkv status                 # shows what waits, and for whom
              shardkv proceed --shard 3
            """
    )

    @Option(help: "The shard's number.")
    var shard: Int

    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.withClient { client throws(CommandFailure) in
            let map = try await options.shardMap(of: client)
            guard map.shards.contains(shard) else {
                throw CommandFailure("the shard map has the shards 1 to \(map.numShards)")
            }
            let names = options.node.map { [$0] } ?? map.members(of: shard)
            var waiting = 0
            for name in names {
                guard try await proceeds(client, name) else { continue }
                waiting += 1
                try StandardStream.output.write("\(name): shard \(shard) waits no longer\n")
            }
            if waiting == 0 { throw CommandFailure("no owner of shard \(shard) waits for anybody") }
        }
    }

    private func proceeds(_ client: ShardKVClient, _ name: String) async throws(CommandFailure) -> Bool {
        do throws(ShardKVError) {
            return try await client.send(ProceedRequest(shard: shard), to: name, timeout: options.plainTimeout).proceeds
        } catch { throw CommandFailure("\(name): \(error.message)") }
    }
}
