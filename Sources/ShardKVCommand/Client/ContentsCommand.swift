import ArgumentParser
import KVSharding
import KVWire
import ShardKV

struct ContentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contents",
        abstract: "Print all keys and values of a shard.",
        usage: "shardkv contents <shard> [--shardmap <file> | --nodes <nodes>] [--timeout <timeout>] [--node <node>]",
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

    // A negative number is no option: it gets the answer that says what is wrong with it.
    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("The shard's number, from 1.", valueName: "shard"))
    var words: [String] = []

    @OptionGroup var options: ClientOptions

    func validate() throws {
        for word in words where word.hasPrefix("-") && Int(word) == nil {
            throw ValidationError("Unknown option '\(word)'")
        }
        guard let word = words.first else { throw ValidationError("Missing expected argument '<shard>'") }
        guard words.count == 1 else { throw ValidationError("Unexpected argument '\(words[1])'") }
        guard let shard = Int(word) else { throw ValidationError("The shard '\(word)' is not a whole number") }
        guard shard > 0 else {
            throw ValidationError("The shard must not be \(shard < 0 ? "negative" : "0"): shards count from 1")
        }
    }

    /// As `validate` has found it to be.
    private var shard: Int { words.first.flatMap { Int($0) }! }

    func run() async throws {
        try await options.withClient { client throws(CommandFailure) in
            let map = try await options.shardMap(of: client)
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
                    page.response = try await client.send(request, to: page.node, timeout: options.readTimeout)
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
                return (node, try await client.send(request, to: node, timeout: options.readTimeout))
            } catch { failure = CommandFailure(error) }
        }
        throw failure
    }

    private static func line(_ record: ShardValue) -> [UInt8] {
        Quoting.quoted(record.key) + [UInt8(ascii: " ")] + Quoting.quoted(record.value)
            + Array(" \(record.ttlMillisecondsRemaining)\n".utf8)
    }
}
