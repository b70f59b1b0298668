import KVCore
import KVStorage
import KVWire
import Testing

@testable import KVService

/// Pulls between two nodes' stores, by requests and answers as they go over the wire.
@Suite struct ChangesPullTests {
    private let source = Server(shardCount: 1)
    private let target = Server(shardCount: 1)

    private var sourceStore: ShardStore { source.node.table[1].store!.takeUnretainedValue() }
    private var targetStore: ShardStore { target.node.table[1].store!.takeUnretainedValue() }

    private func write(_ numbers: some Sequence<Int>, to server: Server) throws {
        for number in numbers {
            let key = Array("key \(number)".utf8)
            if number % 7 == 3 {
                _ = try server.call(DeleteRequest(key: key))
            } else {
                _ = try server.call(SetRequest(key: key, value: [UInt8](repeating: 1, count: number % 90)))
            }
            server.now += 1
        }
    }

    private func makePull(_ mode: Pull.Mode, mark: [UInt8] = [], markersSince: UInt64 = 1, pageBytes: Int = 16 << 10)
        -> Pull
    {
        Pull(
            identifier: 1,
            shard: 1,
            source: "n1",
            mode: mode,
            markersSince: markersSince,
            mark: mark,
            bytesPerSecond: 1,
            pageBytes: pageBytes...pageBytes * 2
        )
    }

    /// Runs a pull to its end; `meanwhile` comes before each answer.
    /// - Returns: what it reached, and the kinds of its requests.
    private func run(
        _ pull: consuming Pull,
        knowsChanges: Bool = true,
        _ meanwhile: (PeerRequest) throws -> Void = { _ in }
    ) throws -> (Pull.Achievement, asked: [String]) {
        var pull = pull
        var asked: [String] = []
        var request = pull.request(now: target.now)
        while true {
            try meanwhile(request)
            let response: Result<PeerResponse, RPCError>
            do {
                switch request {
                case .contents(let request):
                    asked.append("contents")
                    response = .success(.contents(try source.call(request)))
                case .changes(let request):
                    asked.append(request.maxPageBytes == 0 ? "mark" : "changes")
                    guard knowsChanges else { throw RPCError(.unimplemented, "what is that?") }
                    response = .success(.changes(try source.call(request)))
                case .digests(let request):
                    asked.append("digests")
                    response = .success(.digests(try source.call(request)))
                case .versions(let request):
                    asked.append("versions")
                    response = .success(.contents(try source.call(request)))
                case .records(let request):
                    asked.append("records")
                    response = .success(.contents(try source.call(request)))
                case .exchange, .activate, .compare: throw RPCError(.internal, "no request of a pull")
                }
            } catch let error as RPCError {
                response = .failure(error)
            }
            let store = PulledStore(store: targetStore, pool: target.node.pool)
            switch pull.receive(response, into: store, now: target.now) {
            case .ask(let next, _): request = next
            case .finished(let achievement): return (achievement, asked)
            case .failed(let error): throw error
            }
        }
    }

    private func contents(_ server: Server) throws -> [[UInt8]: Version] {
        let page = try server.call(GetShardContentsRequest(shard: 1, withMarkers: true))
        return Dictionary(uniqueKeysWithValues: page.values.map { ($0.key, $0.version) })
    }

    @Test func whatIsWrittenMeanwhileComesWithoutALookAtTheDigests() throws {
        try write(0..<2_000, to: source)
        sourceStore.recordChanges(true)
        var next = 0
        let (achievement, asked) = try run(makePull(.whole)) { request in
            guard case .contents = request else { return }
            try write((next..<next + 40).map { $0 * 31 % 2_500 }, to: source)
            next += 40
        }
        #expect(asked.first == "mark" && Set(asked) == ["mark", "contents", "changes", "records"])
        #expect(try contents(target) == contents(source))

        // The last difference, once nobody writes any more.
        try write(100..<130, to: source)
        let (_, last) = try run(makePull(.difference(isConfirmed: true), mark: achievement.mark))
        #expect(last == ["changes", "records"])
        #expect(try contents(target) == contents(source))
    }

    /// Keys that change again and again are in many pages, whose values come in many more.
    @Test(arguments: [1, 100, 1_000, 16 << 10]) func manyChangesOfFewKeysAllArrive(pageBytes: Int) throws {
        sourceStore.recordChanges(true)
        try write(0..<150, to: source)
        var number = 0
        _ = try run(makePull(.whole, pageBytes: pageBytes)) { request in
            guard case .changes(let changes) = request, changes.maxPageBytes > 0, number == 0 else { return }
            while number < 1_500 {
                let key = Array("key \(number * 37 % 150)".utf8)
                _ = try source.call(SetRequest(key: key, value: [UInt8](repeating: 2, count: number * 7 % 400)))
                source.now += 1
                number += 1
            }
        }
        #expect(try contents(target) == contents(source))
    }

    @Test func fewChangesThatNobodyCountedAreFoundBesidesEqualDigests() throws {
        for server in [source, target] { server.now = 20_000_000 }
        try write(0..<500, to: source)
        _ = try run(makePull(.whole))
        sourceStore.recordChanges(true)
        try write([1, 8, 15], to: source)
        let (_, asked) = try run(makePull(.difference(isConfirmed: true)))
        #expect(Array(asked.prefix(3)) == ["changes", "records", "versions"] && !asked.contains("digests"))
        #expect(try contents(target) == contents(source))
    }

    /// A marker of a key that is live nowhere is in no digest.
    @Test func markersAreLookedForWhereDigestsAreEqual() throws {
        try write(0..<500, to: source)
        _ = try run(makePull(.whole))
        let since = source.now
        _ = try source.call(DeleteRequest(key: [9]))
        let (_, asked) = try run(makePull(.difference(isConfirmed: true), markersSince: since))
        #expect(Set(asked) == ["changes", "versions"])
        #expect(try contents(target) == contents(source))
    }

    @Test func whatTheSourceDoesNotKnowIsFoundByDigests() throws {
        try write(0..<500, to: source)
        sourceStore.recordChanges(true, changesMax: 1 << 10)
        let (achievement, _) = try run(makePull(.whole))
        // More changes of a single stripe than are kept.
        for _ in 0..<400 { try write(0..<4, to: source) }
        #expect(!sourceStore.hasAllChanges(since: 1))
        let (_, asked) = try run(makePull(.difference(isConfirmed: false), mark: achievement.mark))
        #expect(asked.contains("digests"))
        #expect(try contents(target) == contents(source))
        // A mark of a store that is gone, and none.
        source.node.clear(1)
        try write(1_000..<1_010, to: source)
        for mark in [achievement.mark, []] {
            let (_, asked) = try run(makePull(.difference(isConfirmed: true), mark: mark))
            #expect(asked.starts(with: ["changes", "digests"]))
        }
    }

    /// All changes are known, and something is missing all the same.
    @Test func whatDigestsDenyIsLookedFor() throws {
        try write(0..<500, to: source)
        sourceStore.recordChanges(true)
        let (achievement, _) = try run(makePull(.whole))
        target.node.clear(1)
        let (_, asked) = try run(makePull(.difference(isConfirmed: true), mark: achievement.mark))
        #expect(asked.starts(with: ["changes", "digests"]))
        #expect(try contents(target) == contents(source))
    }

    @Test(arguments: [Pull.Mode.whole, .difference(isConfirmed: true)])
    func anOlderServerKnowsNoChanges(mode: Pull.Mode) throws {
        try write(0..<500, to: source)
        let (_, asked) = try run(makePull(mode), knowsChanges: false)
        #expect(asked.first == (mode == .whole ? "mark" : "changes") && asked.contains("digests"))
        #expect(try contents(target) == contents(source))
    }
}
