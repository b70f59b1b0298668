import KVWire
import Testing

@testable import KVService

@Suite struct PullTests {
    private let server = Server(shardCount: 1)

    private var store: PulledStore {
        PulledStore(store: server.node.table[1].store!.takeUnretainedValue(), pool: server.node.pool)
    }

    private func makePull(bytesPerSecond: Int) -> Pull {
        Pull(
            identifier: 1,
            shard: 1,
            source: "n2",
            mode: .whole,
            markersSince: 0,
            mark: [],
            bytesPerSecond: bytesPerSecond,
            pageBytes: ReplicationCoordinator.Policy().copyPageBytes
        )
    }

    private func pageBytes(_ request: PeerRequest) throws -> Int {
        guard case .contents(let contents) = request else { throw RPCError(.internal, "no page is asked for") }
        return contents.maxPageBytes
    }

    /// Answers what was asked for last, the mark at first, and returns how large the next page may be.
    private func answer(_ pull: inout Pull, with response: PeerResponse = page, at now: UInt64) throws -> Int {
        guard case .ask(let request, _) = pull.receive(.success(response), into: store, now: now) else {
            throw RPCError(.internal, "nothing is asked for")
        }
        return try pageBytes(request)
    }

    private static let page = PeerResponse.contents(GetShardContentsResponse(values: [], nextPageToken: [1]))
    private static let mark = PeerResponse.changes(GetChangesResponse(clock: 1))

    /// 10 MiB a second: 10 KiB a millisecond, within bounds.
    @Test(arguments: [(0, 16 << 10), (1, 16 << 10), (7, 70 << 10), (26, 256 << 10), (5000, 256 << 10)])
    func pagesHoldWhatTheRateAllowsInARoundTrip(milliseconds: UInt64, bytes: Int) throws {
        var pull = makePull(bytesPerSecond: 10 * 1024 * 1000)
        _ = pull.request(now: 1000)
        #expect(try answer(&pull, with: Self.mark, at: 1000 + milliseconds) == bytes)
    }

    @Test func theShortestRoundTripCounts() throws {
        var pull = makePull(bytesPerSecond: 10 * 1024 * 1000)
        _ = pull.request(now: 1000)
        #expect(try answer(&pull, with: Self.mark, at: 1020) == 200 << 10)
        // Waiting for its turn is no part of the way.
        pull.postpone(by: 100)
        #expect(try answer(&pull, at: 1123) == 30 << 10)
        // The source is busy, not far.
        #expect(try answer(&pull, at: 1623) == 30 << 10)
    }

    @Test func withoutARatePagesAreLarge() throws {
        var pull = makePull(bytesPerSecond: 0)
        _ = pull.request(now: 1000)
        #expect(try answer(&pull, with: Self.mark, at: 1000) == 256 << 10)
    }
}
