import ArgumentParser
import KVSharding
import KVWire
import ShardKV

struct ContentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contents",
        abstract: "Print all keys and values of a shard.",
        discussion: """
            A record a line: key, value, and the TTL that is left in milliseconds (0 = never expires). Key and value are \
            quoted as the shell reads them: with set in front, the lines are its input. The contents come from one of \
            the shard's nodes, page by page: what is written meanwhile may or may not be there.

            EXAMPLES
              shardkv contents 3
              shardkv contents 3 --node n2 > shard-3.txt
              sed 's/^/set /' shard-3.txt | shardkv shell
            """
    )

    private static let pageBytes = 4 << 20

    @Argument(help: "The shard's number, from 1.")
    var shard: Int

    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.withClient { client throws(CommandFailure) in
            let map = client.shardMap
            guard map.shards.contains(shard) else {
                throw CommandFailure("INVALID_ARGUMENT: there is no shard \(shard); the map has 1…\(map.numShards)")
            }
            var request = GetShardContentsRequest(shard: shard, maxPageBytes: Self.pageBytes)
            var page = try await firstPage(client, request, from: options.node.map { [$0] } ?? map.members(of: shard))
            while true {
                try StandardStream.output.write(page.response.values.flatMap(Self.line))
                guard !page.response.nextPageToken.isEmpty else { return }
                request.pageToken = page.response.nextPageToken
                do throws(ShardKVError) {
                    page.response = try await client.send(request, to: page.node, timeout: options.timeout)
                } catch { throw CommandFailure(error) }
            }
        }
    }

    /// From the first of the nodes that answers; the next pages must come from the same.
    private func firstPage(
        _ client: ShardKVClient,
        _ request: GetShardContentsRequest,
        from nodes: [String]
    ) async throws(CommandFailure) -> (node: String, response: GetShardContentsResponse) {
        var failure = CommandFailure("UNAVAILABLE: shard \(shard) has no node in the shard map")
        for node in nodes {
            do throws(ShardKVError) {
                return (node, try await client.send(request, to: node, timeout: options.timeout))
            } catch { failure = CommandFailure(error) }
        }
        throw failure
    }

    private static func line(_ record: ShardValue) -> [UInt8] {
        Quoting.quoted(record.key) + [UInt8(ascii: " ")] + Quoting.quoted(record.value)
            + Array(" \(record.ttlMillisecondsRemaining)\n".utf8)
    }
}
