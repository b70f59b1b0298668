import KVClient
import KVCore
import KVSharding
import KVWire
import Testing

/// Writes and quorum reads go by one view of the shard, whatever servers say and in whatever order.
@Suite struct ViewTests {
    private let seven = View(epoch: 7, ["n1": 1, "n2": 1])
    private let eight = View(epoch: 8, ["n2": 1, "n3": 1])

    @Test func theFirstWriteAsksForTheViewAndTheNextOnesCarryIt() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.serve(seven, at: "n1", "n2")
        try await cluster.set("v")
        let arrivals = cluster.network.arrivals
        #expect(arrivals.prefix(2).map(\.view) == [ViewIdentifier.unknown, ViewIdentifier.unknown])
        #expect(arrivals.dropFirst(2).map(\.view) == [seven.identifier, seven.identifier])
        #expect(Set(arrivals.map(\.version)).count == 1, "the version stays")
        #expect(cluster.time.monotonicMilliseconds == 1000, "news are not waited for")
        try await cluster.set("w")
        #expect(cluster.network.arrivals.count == 6)
    }

    @Test func readsOfOneReplicaAndWritesToOneNodeCarryNone() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.serve(seven, at: "n1", "n2")
        _ = try await cluster.get()
        try await cluster.client.delete(Array("k".utf8), on: .node("n2"), timeoutMilliseconds: 1000)
        #expect(cluster.network.arrivals.map(\.view) == [ViewIdentifier.none, ViewIdentifier.none])
    }

    /// n1 took the write by view 7, n2 and n3 serve by view 8: that n1 took it counts for nothing.
    @Test func acknowledgementsOfTwoViewsAreNotMixed() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.serve(seven, at: "n1", "n2")
        try await cluster.set("v")
        cluster.network.serve(eight, at: "n2", "n3")
        let before = cluster.network.arrivals.count
        try await cluster.set("w")
        let later = cluster.network.arrivals.dropFirst(before)
        #expect(later.filter { $0.view == eight.identifier }.map(\.node).sorted() == ["n2", "n3"])
        #expect(Set(later.map(\.version)).count == 1)
        #expect(cluster.network.record("k", at: "n3")?.value == Array("w".utf8))
        #expect(cluster.network.learned.contains { $0.node == "n3" && $0.address == "127.0.0.1" })
    }

    /// n1 has restarted; each server knows another part of the incarnations.
    @Test func incarnationsMergeByTheirMaximum() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.serve(View(epoch: 7, ["n1": 5, "n2": 1]), at: "n1")
        cluster.network.serve(View(epoch: 7, ["n1": 1, "n2": 3]), at: "n2")
        try await cluster.set("v")
        let merged = View(epoch: 7, ["n1": 5, "n2": 3])
        #expect(cluster.network.view(at: "n1") == merged)
        #expect(cluster.network.view(at: "n2") == merged)
        #expect(cluster.network.arrivals.suffix(2).allSatisfy { $0.view == merged.identifier })
    }

    /// A member of the newer view knows only the older one: it is told, by writes and reads, and nobody goes back to that.
    @Test func aMemberThatIsBehindDoesNotEndTheNewerView() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.serve(eight, at: "n1", "n2", "n3")
        try await cluster.set("v")
        let isBehind = RPCError(.notFound, "not hosted", reason: .notHosted, view: seven)
        for node in ["n3", "n2"] {
            let before = cluster.network.arrivals.count
            cluster.network.script(node, .fail(isBehind), .serve)
            if node == "n3" {
                try await cluster.set("w")
            } else {
                #expect(try await cluster.get() == "w")
            }
            // What tells it does so beside the read.
            while !cluster.network.arrivals(at: node).contains(where: { $0.method == .exchangeView }) {
                await Task.yield()
            }
            #expect(!cluster.network.arrivals.dropFirst(before).contains { $0.node == "n1" })
        }
        #expect(try cluster.client.route(of: Array("k".utf8)).view == eight.identifier)
    }

    /// A server that is behind is told, instead of being asked for ever.
    @Test func aServerWithAnOlderViewIsToldTheNewOne() async throws {
        let cluster = try TestCluster(["n2", "n3"])
        cluster.network.serve(eight, at: "n2")
        cluster.network.serve(View(epoch: 7, ["n2": 1, "n3": 1]), at: "n3")
        try await cluster.set("v")
        #expect(cluster.network.view(at: "n3") == eight)
        #expect(cluster.network.arrivals.contains { $0.node == "n3" && $0.method == .exchangeView })
    }

    /// The servers have not moved yet, the client's map has: what they serve by counts, until they do.
    @Test func aMapThatIsAheadOfTheServersIsAHint() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.serve(seven, at: "n1", "n2", "n3")
        cluster.client.follow(try TestCluster.map(["n2", "n3"]), epoch: 8)
        try await cluster.set("v")
        #expect(cluster.network.record("k", at: "n1") != nil)
        #expect(cluster.network.record("k", at: "n3") == nil)
        cluster.network.serve(eight, at: "n1", "n2", "n3")
        try await cluster.set("w")
        #expect(cluster.network.record("k", at: "n3")?.value == Array("w".utf8))
    }

    /// The owners of the known view are gone for good; the map names the new ones.
    @Test func theMapIsAskedWhenTheViewsOwnersAreGone() async throws {
        let cluster = try TestCluster(["n2", "n3"])
        cluster.client.follow(try TestCluster.map(["n2", "n3"]), epoch: 8)
        cluster.client.report(RPCError(.aborted, "", reason: .wrongView, view: seven), of: "n2")
        for node in ["n1", "n2"] { cluster.network.script(node, .fail(refused)) }
        cluster.network.script("n2", .fail(refused), .serve)
        cluster.network.serve(eight, at: "n2", "n3")
        try await cluster.set("v")
        #expect(cluster.network.record("k", at: "n3") != nil)
    }

    /// The same where the client's map is the older one.
    @Test func anOlderMapIsAskedWhenNoneOfTheViewsOwnersAnswers() async throws {
        let cluster = try TestCluster(["n3", "n4"])
        let nine = View(epoch: 9, ["n3": 2, "n4": 2])
        cluster.client.report(RPCError(.aborted, "", reason: .wrongView, view: seven), of: "n3")
        for node in ["n1", "n2"] { cluster.network.script(node, .fail(refused)) }
        cluster.network.serve(nine, at: "n3", "n4")
        try await cluster.set("v")
        #expect(cluster.network.arrivals.suffix(2).map(\.view) == [nine.identifier, nine.identifier])
    }

    @Test func eachAttemptTellsItsOwnTime() async throws {
        let cluster = try TestCluster(["n1"])
        cluster.network.script("n1", .fail(refused), .fail(refused), .serve)
        try await cluster.set("v")
        let arrivals = cluster.network.arrivals
        #expect(Set(arrivals.map(\.version)).count == 1)
        #expect(arrivals.map { $0.opClock - arrivals[0].opClock } == arrivals.map { $0.time - arrivals[0].time })
        #expect(arrivals[2].opClock > arrivals[0].opClock)
    }

    /// Views of a shard arrive in every order: the same one is in force at the end, and none of an older epoch in between.
    @Test func everyOrderOfViewsEndsAtTheSame() throws {
        let views = [
            View(epoch: 7, ["n1": 1, "n2": 1]), View(epoch: 7, ["n1": 4, "n2": 1]), View(epoch: 7, ["n1": 1, "n2": 2]),
            View(epoch: 8, ["n2": 2, "n3": 1]), View(epoch: 8, ["n2": 3, "n3": 1]),
        ]
        for order in permutations(views) {
            var routing = Routing(try TestCluster.map(["n1"]), epoch: 9)
            var epoch: UInt64 = 0
            for view in order {
                _ = routing.learn(view)
                let known = try #require(routing.view(of: 1))
                #expect(known.epoch >= epoch)
                epoch = known.epoch
                #expect(routing.route(ofKey: [1])?.view == known.identifier)
                for later in views { #expect(routing.learn(known) == .known, "\(later)") }
            }
            #expect(routing.view(of: 1) == View(epoch: 8, ["n2": 3, "n3": 1]))
            #expect(routing.learn(views[0]) == .outdated)
        }
    }

    /// Two maps were given one number: all clients agree on one of the two views.
    @Test func viewsOfOneEpochAreOrderedByTheirMembers() throws {
        let pair = [View(epoch: 7, ["n1": 1, "n3": 1]), View(epoch: 7, ["n2": 1, "n1": 1])]
        for order in permutations(pair) {
            var routing = Routing(try TestCluster.map(["n1"]), epoch: 0)
            for view in order { _ = routing.learn(view) }
            #expect(routing.view(of: 1) == pair[0])
        }
    }

    private func permutations<Element>(_ elements: [Element]) -> [[Element]] {
        guard let first = elements.first else { return [[]] }
        return permutations(Array(elements.dropFirst())).flatMap { rest in
            (0...rest.count).map { Array(rest[..<$0]) + [first] + Array(rest[$0...]) }
        }
    }
}
