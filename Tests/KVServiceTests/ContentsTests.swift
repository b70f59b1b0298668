import KVCore
import KVWire
import Testing

@testable import KVService

@Suite struct ContentsTests {
    private func filled(_ count: Int) throws -> (Server, [[UInt8]: [UInt8]]) {
        let server = Server(shardCount: 1)
        var values: [[UInt8]: [UInt8]] = [:]
        for number in 0..<count {
            let key = Array("key \(number)".utf8)
            let value = [UInt8](repeating: UInt8(number & 255), count: number % 500)
            _ = try server.call(SetRequest(key: key, value: value, ttlMilliseconds: number % 2 == 0 ? 0 : 5000))
            values[key] = value
        }
        return (server, values)
    }

    @Test(arguments: [0, 1, 2000, 1 << 20]) func pagesShowEveryRecordOnce(pageBytes: Int) throws {
        let (server, values) = try filled(300)
        var found: [[UInt8]: ShardValue] = [:]
        var token: [UInt8] = []
        var pages = 0
        repeat {
            let page = try server.call(
                GetShardContentsRequest(shard: 1, pageToken: token, maxPageBytes: pageBytes)
            )
            for value in page.values { #expect(found.updateValue(value, forKey: value.key) == nil) }
            token = page.nextPageToken
            pages += 1
        } while !token.isEmpty
        #expect(found.mapValues(\.value) == values)
        #expect(pages == 1 || pageBytes > 0 && pageBytes < 1 << 20)
        for (key, record) in found {
            let metadata = try server.call(GetRequest(key: key, withMetadata: true))
            #expect(record.version == metadata.version && record.expiresAt == metadata.expiresAt)
            #expect(record.ttlMillisecondsRemaining == metadata.ttlMillisecondsRemaining && record.kind == .live)
        }
    }

    @Test func markersAreShownOnRequest() throws {
        let server = Server(shardCount: 1)
        _ = try server.call(SetRequest(key: [1], value: [1], ttlMilliseconds: 10))
        _ = try server.call(SetRequest(key: [2], value: [2]))
        _ = try server.call(DeleteRequest(key: [2]))
        server.now += 10
        #expect(try server.call(GetShardContentsRequest(shard: 1)).values.isEmpty)
        let page = try server.call(GetShardContentsRequest(shard: 1, withMarkers: true))
        #expect(
            Dictionary(uniqueKeysWithValues: page.values.map { ($0.key, $0.kind) }) == [[1]: .expired, [2]: .deleted]
        )
    }

    @Test func whatFitsNoFrameMustBePaged() throws {
        let server = Server(shardCount: 1, limits: Limits(maxKeyBytes: 100, maxValueBytes: 1000))
        for number in 0..<10 {
            _ = try server.call(SetRequest(key: [UInt8(number)], value: [UInt8](repeating: 1, count: 900)))
        }
        let error = #expect(throws: RPCError.self) { try server.call(GetShardContentsRequest(shard: 1)) }
        #expect(error?.code == .resourceExhausted && error?.reason == .tooLarge)
        #expect(error?.message.contains("max_page_bytes") == true)
        // Pages of 3,000 bytes fit no frame either: they come one record at a time.
        let page = try server.call(GetShardContentsRequest(shard: 1, maxPageBytes: 3000))
        #expect(page.values.count == 1 && !page.nextPageToken.isEmpty)
    }

    @Test func foreignPageTokensAreRefused() throws {
        let (server, _) = try filled(50)
        let token = try server.call(GetShardContentsRequest(shard: 1, maxPageBytes: 1)).nextPageToken
        #expect(token.count == PageToken.byteCount)
        var foreign = token
        foreign[0] ^= 1
        let stale = #expect(throws: RPCError.self) {
            try server.call(GetShardContentsRequest(shard: 1, pageToken: foreign, maxPageBytes: 1))
        }
        #expect(stale?.code == .failedPrecondition && stale?.reason == .stalePage)
        let malformed = #expect(throws: RPCError.self) {
            try server.call(GetShardContentsRequest(shard: 1, pageToken: [1, 2], maxPageBytes: 1))
        }
        #expect(malformed?.code == .invalidArgument)
    }
}
