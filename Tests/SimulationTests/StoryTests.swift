import KVCore
import KVHistory
import KVService
import KVSharding
import KVWire
import Simulation
import Testing

/// What happens to a cluster, one story each. Each runs with several seeds, which decide the order of messages.
@Suite struct StoryTests {
    /// They need not wait for each other: nobody holds anything.
    @Test(arguments: 0..<5) func fiveNodesStartedAtOnceServeSoon(seed: UInt64) throws {
        let map = Maps.make((0..<10).map { shard in (0..<3).map { "n\((shard + $0) % 5 + 1)" } }, nodes: 5)
        let cluster = Cluster(seed: seed, shardCount: 10)
        for node in 1...5 {
            let delay = UInt64.random(in: 0...300, using: &cluster.random)
            cluster.after(delay) { cluster.start("n\(node)", map) }
        }
        #expect(cluster.run(atMost: 2500) { cluster.isSettled(map) })
    }

    /// The first to serve is the only one of three that could tell the others what they may have acknowledged before: they know that it
    /// had not served when they began.
    @Test(arguments: 0..<10) func threeNodesStartedAtOnceServeSoon(seed: UInt64) {
        let map = Maps.make([["n1", "n2", "n3"]], nodes: 3)
        let network = Network(.init(lossProbability: 0.1))
        let cluster = Cluster(seed: seed, shardCount: 1, network: network)
        for name in ["n1", "n2", "n3"] { cluster.start(name, map) }
        #expect(cluster.run(atMost: 5000) { cluster.isSettled(map) }, "\(cluster.events.joined(separator: "\n"))")
    }

    /// One node is missing: the others, a majority of each shard's owners, do without it.
    @Test func oneOfThreeNodesIsMissingAtTheStart() {
        let map = Maps.make([["n1", "n2", "n3"]], nodes: 3)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, map) }
        #expect(cluster.run(atMost: 2500) { cluster.isSettled(map) })
        #expect(cluster.processes["n1"]?.node.status(now: cluster.now).waivedCopies == 0)
    }

    /// The map changes and changes back while n1 does not look: to n1 nothing has changed, but it promised n3 to leave.
    @Test(arguments: 0..<5) func aNodeThatMissesAChangeAndItsUndoingComesBack(seed: UInt64) throws {
        let map = Maps.make([["n1", "n2"]], nodes: 3)
        let other = Maps.make([["n2", "n3"]], nodes: 3)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2", "n3"] { cluster.start(name, map) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(map) })
        let values = try fill(cluster, "n1", count: 50, valueBytes: 100)
        for (key, value) in values {
            _ = try cluster.processes["n2"]?.answer(SetRequest(key: key, value: value), wall: cluster.now).get()
        }
        for name in ["n2", "n3"] { cluster.deliver(other, epoch: 2, to: name) }
        cluster.run(milliseconds: [50, 150, 400, 1500, 3000][Int(seed)])
        for name in ["n2", "n3"] { cluster.deliver(map, epoch: 3, to: name) }
        let isSettled = cluster.run(atMost: 10_000) {
            cluster.isSettled(map) && cluster.state(1, on: "n3") == .absent
        }
        try #require(isSettled, "\(cluster.events.joined(separator: "\n"))")
        #expect(cluster.processes["n1"]?.node.mapEpoch == 3)
        for (key, value) in values { #expect(try cluster.read(key, on: "n1").get().value == value) }
    }

    /// Files that were numbered at different moments: equal content takes the higher number, or offers would never end.
    @Test func nodesAgreeOnTheHigherNumberOfOneMap() throws {
        let before = Maps.make([["n1"]], nodes: 2)
        let after = Maps.make([["n2"]], nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        _ = try fill(cluster, "n1", count: 10, valueBytes: 100)
        cluster.deliver(after, epoch: 9, to: "n1")
        cluster.deliver(after, epoch: 7, to: "n2")
        #expect(cluster.run(atMost: 5000) { cluster.isSettled(after) && cluster.state(1, on: "n1") == .absent })
        #expect(cluster.processes["n2"]?.node.mapEpoch == 9)
    }

    /// An owner of old that stays one merges what the other has into its own, however long ago it became one.
    @Test func ownerThatStaysKeepsWhatItHas() throws {
        let before = Maps.make([["n1", "n2", "n3"]], nodes: 4)
        let after = Maps.make([["n2", "n3", "n4"]], nodes: 4)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2", "n3", "n4"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        cluster.run(milliseconds: 60_000)
        // At two of three when the change begins: one of them must not forget it.
        var values: [[UInt8]: [UInt8]] = [:]
        for index in 0..<50 {
            let (key, value) = (Array("key \(index)".utf8), Array("value \(index)".utf8))
            let set = SetRequest(key: key, value: value, version: Version(milliseconds: cluster.now, writer: 7))
            for name in ["n2", "n3"] { _ = try cluster.processes[name]?.answer(set, wall: cluster.now).get() }
            values[key] = value
        }
        for name in ["n1", "n2", "n3", "n4"] { cluster.deliver(after, epoch: 2, to: name) }
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(after) })
        let copied = cluster.processes["n2"]?.node.status(now: cluster.now).shards.first?.keys
        #expect(copied == 50)
        #expect(
            !cluster.events.contains {
                $0.contains("n2: serving(shard: 1, epoch: 2") && $0.contains("copiedRecords: 50")
            }
        )
        for (key, value) in values { #expect(try cluster.read(key, on: "n4").get().value == value) }
    }

    /// More than one page, markers and deadlines included, from an owner that is no owner any more.
    @Test(arguments: 0..<3) func oneStepMoveBringsEveryPage(seed: UInt64) throws {
        let before = Maps.make([["n1"]], nodes: 2)
        let after = Maps.make([["n2"]], nodes: 2)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        let values = try fill(cluster, "n1", count: 200, valueBytes: 20_000)
        for name in ["n2", "n1"] {
            cluster.deliver(after, epoch: 2, to: name)
            cluster.run(milliseconds: 400)
        }
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(after) })
        for (key, value) in values { #expect(try cluster.read(key, on: "n2").get().value == value) }
    }

    /// Its memory is empty: until it has copied, it answers nobody.
    @Test(arguments: 0..<3) func restartedNodeCopiesBeforeItServes(seed: UInt64) throws {
        let map = Maps.make([["n1", "n2"]], nodes: 2)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, map) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(map) })
        let values = try fill(cluster, "n1", count: 100, valueBytes: 100)
        cluster.crash("n2")
        cluster.run(milliseconds: 500)
        cluster.start("n2")
        let key = try #require(values.keys.first)
        let error = #expect(throws: RPCError.self) { try cluster.read(key, on: "n2").get() }
        #expect(error?.reason == .notReady)
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(map) })
        for (key, value) in values { #expect(try cluster.read(key, on: "n2").get().value == value) }
    }

    /// Both sources are complete; the one that is asked first stops answering, or dies, before the copy is done.
    @Test(arguments: [true, false], 0..<3) func anotherSourceTakesOver(isHung: Bool, seed: UInt64) throws {
        let before = Maps.make([["n1", "n2"]], nodes: 3)
        let after = Maps.make([["n3"]], nodes: 3)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2", "n3"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        let values = try fill(cluster, "n1", count: 100, valueBytes: 20_000)
        for (key, value) in values {
            _ = try cluster.processes["n2"]?.answer(SetRequest(key: key, value: value), wall: cluster.now).get()
        }
        for name in ["n1", "n2", "n3"] { cluster.deliver(after, epoch: 2, to: name) }
        try #require(cluster.run(atMost: 1000) { !copySource(cluster).isEmpty })
        let source = copySource(cluster)
        if isHung { cluster.hang(source) } else { cluster.crash(source) }
        let isServing = cluster.run(atMost: 20_000) { cluster.state(1, on: "n3") == .serving }
        try #require(isServing, "\(cluster.events.joined(separator: "\n"))")
        for (key, value) in values { #expect(try cluster.read(key, on: "n3").get().value == value) }
    }

    /// The only owner is gone for good: after a while the new one serves without it, and says so.
    @Test func lostOwnerIsWaivedAfterAWhile() throws {
        let before = Maps.make([["n1"]], nodes: 2)
        let after = Maps.make([["n2"]], nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        cluster.crash("n1")
        cluster.deliver(after, epoch: 2, to: "n2")
        cluster.run(milliseconds: 8000)
        #expect(cluster.state(1, on: "n2") == .joining)
        #expect(cluster.run(atMost: 4000) { cluster.state(1, on: "n2") == .serving })
        #expect(cluster.processes["n2"]?.node.status(now: cluster.now).waivedCopies == 1)
    }

    /// The old owner was only cut off: what it holds is copied when it comes back, before it may drop it.
    @Test func waivedOwnerIsCopiedWhenItComesBack() throws {
        let before = Maps.make([["n1"]], nodes: 2)
        let after = Maps.make([["n2"]], nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        let values = try fill(cluster, "n1", count: 10, valueBytes: 100)
        cluster.hang("n1")
        cluster.deliver(after, epoch: 2, to: "n2")
        try #require(cluster.run(atMost: 12_000) { cluster.state(1, on: "n2") == .serving })
        cluster.resume("n1")
        cluster.deliver(after, epoch: 2, to: "n1")
        try #require(cluster.run(atMost: 10_000) { cluster.isSettled(after) })
        for (key, value) in values { #expect(try cluster.read(key, on: "n2").get().value == value) }
    }

    /// It was an owner all along as far as it knows. But another one was in between, and took a write.
    @Test func ownerThatSkippedAMapCopiesWhatWasWrittenMeanwhile() throws {
        let owned = Maps.make([["n1"]], nodes: 2)
        let moved = Maps.make([["n2"]], nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, owned) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(owned) })
        cluster.hang("n1")
        cluster.deliver(moved, epoch: 2, to: "n2")
        try #require(cluster.run(atMost: 12_000) { cluster.state(1, on: "n2") == .serving })
        let values = try fill(cluster, "n2", count: 3, valueBytes: 10)
        cluster.resume("n1")
        cluster.deliver(owned, epoch: 3, to: "n1")
        #expect(cluster.state(1, on: "n1") == .serving)
        cluster.deliver(owned, epoch: 3, to: "n2")
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(owned) })
        for (key, value) in values { #expect(try cluster.read(key, on: "n1").get().value == value) }
    }

    /// A newer map that one node has shown it is not undone by an older one of its own.
    @Test func promiseOutlivesAnOlderMap() throws {
        let owned = Maps.make([["n1"]], nodes: 2)
        let moved = Maps.make([["n2"]], nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, owned) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(owned) })
        cluster.deliver(moved, epoch: 5, to: "n2")
        try #require(cluster.run(atMost: 1000) { cluster.state(1, on: "n1") == .leaving })
        cluster.deliver(owned, epoch: 4, to: "n1")
        cluster.run(milliseconds: 2000)
        #expect(cluster.state(1, on: "n1") != .serving && cluster.state(1, on: "n2") == .serving)
    }

    /// A shard without an owner is gone at once, and nothing of it comes back with a new owner.
    @Test func shardWithoutOwnerIsDroppedForGood() throws {
        let owned = Maps.make([["n1"]], nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, owned) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(owned) })
        let values = try fill(cluster, "n1", count: 10, valueBytes: 100)
        cluster.deliver(Maps.make([[]], nodes: 2), epoch: 2, to: "n1")
        #expect(cluster.state(1, on: "n1") == .absent)
        cluster.deliver(Maps.make([["n1"]], nodes: 2), epoch: 3, to: "n1")
        cluster.deliver(Maps.make([["n1"]], nodes: 2), epoch: 3, to: "n2")
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(owned) })
        for key in values.keys { #expect(try cluster.read(key, on: "n1").get().wasFound == false) }
    }

    /// It would return to the view that it crashed in, but that was dropped meanwhile, with all that it had.
    @Test(arguments: 0..<3) func restartedOwnerOfADroppedShardForgetsIt(seed: UInt64) throws {
        let owned = Maps.make([["n1", "n2"]], nodes: 2)
        let dropped = Maps.make([[]], nodes: 2)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, owned) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(owned) })
        cluster.crash("n1")
        cluster.start("n1", owned)
        cluster.run(milliseconds: 15)
        for name in ["n1", "n2"] { cluster.deliver(dropped, epoch: 2, to: name) }
        #expect(cluster.run(atMost: 2000) { cluster.isSettled(dropped) }, "\(cluster.events.joined(separator: "\n"))")
    }

    /// It had copied something of the shard when it hears that nobody owns it, and then owns it again.
    @Test(arguments: 0..<5) func recordsCopiedBeforeADropAreForgotten(seed: UInt64) throws {
        let before = Maps.make([["n1"]], nodes: 2)
        let joined = Maps.make([["n1", "n2"]], nodes: 2)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        let values = try fill(cluster, "n1", count: 400, valueBytes: 2000)
        cluster.deliver(joined, epoch: 2, to: "n2")
        try #require(
            cluster.run(atMost: 2000) {
                cluster.processes["n2"]?.node.status(now: cluster.now).shards.first.map { $0.copiedKeys > 0 } == true
            }
        )
        cluster.deliver(Maps.make([[]], nodes: 2), epoch: 3, to: "n1")
        for name in ["n1", "n2"] { cluster.deliver(joined, epoch: 4, to: name) }
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(joined) })
        for key in values.keys { #expect(try cluster.read(key, on: "n2").get().wasFound == false) }
    }

    /// Nobody compares with it; a minute after the last change its markers go all the same.
    @Test func markersOfALoneOwnerGo() throws {
        let before = Maps.make([["n1", "n2"]], nodes: 2)
        let after = Maps.make([["n1"]], nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        try delete(cluster, "n1", count: 20)
        for name in ["n1", "n2"] { cluster.deliver(after, epoch: 2, to: name) }
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(after) })
        #expect(cluster.markers >= 20)
        #expect(cluster.run(atMost: 150_000) { cluster.markers == 0 })
    }

    /// Two of three hold a write when the third goes on without them, for so long that records of old count no more. This one waits
    /// for them, so they do.
    @Test(arguments: 0..<5) func waivedOwnersGiveWhatTheyHadHoweverLate(seed: UInt64) throws {
        let before = Maps.make([["n1", "n2", "n3"]], nodes: 3)
        let after = Maps.make([["n3", "n1", "n2"]], nodes: 3)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2", "n3"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        let set = SetRequest(key: [1], value: [2], version: Version(milliseconds: cluster.now, writer: 7))
        for name in ["n2", "n3"] { _ = try cluster.processes[name]?.answer(set, wall: cluster.now).get() }
        for name in ["n2", "n3"] { cluster.hang(name) }
        cluster.deliver(Maps.make([["n1"]], nodes: 3), epoch: 2, to: "n1")
        try #require(cluster.run(atMost: 15_000) { cluster.state(1, on: "n1") == .serving })
        cluster.run(milliseconds: 120_000)
        for name in ["n2", "n3"] { cluster.resume(name) }
        for name in ["n1", "n2", "n3"] { cluster.deliver(after, epoch: 3, to: name) }
        try #require(cluster.run(atMost: 10_000) { cluster.isSettled(after) })
        cluster.run(milliseconds: 12_000)
        for name in ["n1", "n2", "n3"] {
            let value = try cluster.read([1], on: name).get().value
            #expect(value == [2], "\(name), \(cluster.events.joined(separator: "\n"))")
        }
        try delete(cluster, "n1", count: 5)
        #expect(cluster.run(atMost: 180_000) { cluster.markers == 0 }, "they are waited for no more")
    }

    /// As long as a waived owner may return with what was deleted since, markers stay; not any longer.
    @Test(arguments: [true, false]) func markersWaitForAWaivedOwnerWhileItLives(startsAnew: Bool) throws {
        let before = Maps.make([["n1", "n2"]], nodes: 2)
        let after = Maps.make([["n1"]], nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        cluster.hang("n2")
        cluster.deliver(after, epoch: 2, to: "n1")
        try #require(cluster.run(atMost: 15_000) { cluster.state(1, on: "n1") == .serving })
        try delete(cluster, "n1", count: 5)
        cluster.run(milliseconds: 180_000)
        #expect(cluster.markers == 5)
        cluster.crash("n2")
        if startsAnew { cluster.start("n2", after, epoch: 2) }
        #expect(cluster.run(atMost: 30_000) { cluster.markers == 0 })
    }

    /// A node that the map names no more hands over all it has, then serves nothing.
    @Test func nodeThatTheMapDropsHandsOver() throws {
        let before = Maps.make([["n1"], ["n2"]], nodes: 2)
        let after = Maps.make([["n1"], ["n1"]], nodes: 1)
        let cluster = Cluster(seed: 1, shardCount: 2)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        for name in ["n1", "n2"] { cluster.deliver(after, epoch: 2, to: name) }
        #expect(cluster.processes["n2"]?.node.isHandoverPending == true)
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(after) })
        #expect(cluster.processes["n2"]?.node.isHandoverPending == false)
        #expect(cluster.processes["n2"]?.node.status(now: cluster.now).shards.isEmpty == true)
    }

    /// Thousands of shards move with a handful of calls for each pair of nodes.
    @Test func manyShardsMoveTogether() throws {
        let before = Maps.make((0..<2000).map { _ in ["n1"] }, nodes: 2)
        let after = Maps.make((0..<2000).map { _ in ["n2"] }, nodes: 2)
        let cluster = Cluster(seed: 1, shardCount: 2000)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        for name in ["n2", "n1"] { cluster.deliver(after, epoch: 2, to: name) }
        #expect(cluster.run(atMost: 3000) { cluster.isSettled(after) })
    }

    /// It has to return to the view that it crashed in; but that is over before it can.
    @Test(arguments: 0..<10) func restartedNodeIsNotNeededAnyMore(seed: UInt64) throws {
        let before = Maps.make([["n1", "n2", "n3"]], nodes: 3)
        let after = Maps.make([["n1", "n2"]], nodes: 3)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2", "n3"] { cluster.start(name, before) }
        try #require(
            cluster.run(atMost: 2500) { cluster.isSettled(before) },
            "\(cluster.events.joined(separator: "\n"))"
        )
        cluster.crash("n3")
        cluster.cut(Link("n2", "n3"), holds: false)
        cluster.start("n3")
        cluster.run(milliseconds: 20 * seed)
        for name in ["n1", "n2"] { cluster.deliver(after, epoch: 2, to: name) }
        cluster.run(milliseconds: 2000)
        cluster.mendAll()
        #expect(cluster.run(atMost: 5000) { cluster.isSettled(after) }, "\(cluster.events.joined(separator: "\n"))")
    }

    /// Values that are about to expire take no part in comparisons of digests: a move brings them all the same.
    @Test(arguments: 0..<5) func shortLivedValuesMove(seed: UInt64) throws {
        let before = Maps.make([["n1"]], nodes: 2)
        let after = Maps.make([["n2"]], nodes: 2)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2"] { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        _ = try fill(cluster, "n1", count: 10, valueBytes: 10)
        cluster.deliver(after, epoch: 2, to: "n2")
        var acknowledged: [[UInt8]] = []
        for number in 0..<200 where cluster.state(1, on: "n2") != .serving {
            let key = Array("short \(number)".utf8)
            let request = SetRequest(key: key, value: [1], ttlMilliseconds: 5000)
            let answer = cluster.processes["n1"]?.answer(request, wall: cluster.now)
            if case .success? = answer { acknowledged.append(key) }
            cluster.run(milliseconds: 2)
        }
        try #require(cluster.state(1, on: "n2") == .serving && acknowledged.count > 3)
        for key in acknowledged { #expect(try cluster.read(key, on: "n2").get().value == [1]) }
    }

    /// All owners start anew, with map files older than the view that clients know: with the next map they get above it, though it
    /// changes no owner.
    @Test(arguments: 0..<3) func clientsGoOnWhereAllOwnersForgotTheirEpoch(seed: UInt64) throws {
        let map = Maps.make([["n1", "n2"]], nodes: 3)
        let other = Maps.make([["n2", "n3"]], nodes: 3)
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in ["n1", "n2", "n3"] { cluster.start(name, map) }
        let client = Client("c1", cluster: cluster, map: map, epoch: 1, clockOffset: 0, seed: seed)
        for (index, map) in [other, map].enumerated() {
            for name in ["n1", "n2", "n3"] { cluster.deliver(map, epoch: UInt64(index + 2), to: name) }
            try #require(cluster.run(atMost: 5000) { cluster.isSettled(map) })
        }
        #expect(write(client, cluster) == .acknowledged)
        for name in ["n1", "n2", "n3"] { cluster.crash(name) }
        for name in ["n1", "n2", "n3"] { cluster.start(name, map, epoch: 1) }
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(map) })
        for name in ["n1", "n2", "n3"] { cluster.deliver(map, epoch: 4, to: name) }
        client.follow(map, epoch: 4)
        #expect(write(client, cluster) == .acknowledged)
    }

    /// n1 acknowledged what n3 missed, and starts anew with a map by which it owns nothing: it must not take what n3 has for all that
    /// there is, or the crash of n2 would lose the write.
    @Test(arguments: 0..<5) func nodeRestartedWithAnOldMapTrustsNoSingleOwner(seed: UInt64) throws {
        let before = Maps.make([["n3", "n4", "n5"]], nodes: 5)
        let after = Maps.make([["n1", "n2", "n3"]], nodes: 5)
        let names = ["n1", "n2", "n3", "n4", "n5"]
        let cluster = Cluster(seed: seed, shardCount: 1)
        for name in names { cluster.start(name, before) }
        try #require(cluster.run(atMost: 2500) { cluster.isSettled(before) })
        for name in names { cluster.deliver(after, epoch: 2, to: name) }
        try #require(cluster.run(atMost: 5000) { cluster.isSettled(after) })
        let values = try fill(cluster, "n1", count: 3, valueBytes: 10)
        for (key, value) in values {
            _ = try cluster.processes["n2"]?.answer(SetRequest(key: key, value: value), wall: cluster.now).get()
        }
        cluster.crash("n1")
        cluster.hang("n2")
        cluster.start("n1", before, epoch: 1)
        cluster.deliver(after, epoch: 2, to: "n1")
        cluster.run(milliseconds: 3000)
        #expect(cluster.state(1, on: "n1") != .serving)
        cluster.resume("n2")
        #expect(cluster.run(atMost: 5000) { cluster.isSettled(after) })
        for (key, value) in values { #expect(try cluster.read(key, on: "n1").get().value == value) }
    }

    private func write(_ client: Client, _ cluster: Cluster) -> Write.Outcome? {
        var outcome: Write.Outcome?
        client.write(Array("key".utf8), [1], at: .all) { outcome = $0 }
        _ = cluster.run(atMost: 2000) { outcome != nil }
        return outcome
    }

    private func delete(_ cluster: Cluster, _ name: String, count: Int) throws {
        for index in 0..<count {
            let request = DeleteRequest(
                key: Array("gone \(index)".utf8),
                version: Version(milliseconds: cluster.now, writer: 7)
            )
            _ = try cluster.processes[name]?.answer(request, wall: cluster.now).get()
        }
    }

    private func copySource(_ cluster: Cluster) -> String {
        cluster.processes["n3"]?.node.status(now: cluster.now).shards.first?.source ?? ""
    }

    private func fill(_ cluster: Cluster, _ name: String, count: Int, valueBytes: Int) throws -> [[UInt8]: [UInt8]] {
        var values: [[UInt8]: [UInt8]] = [:]
        let process = try #require(cluster.processes[name])
        for index in 0..<count {
            let key = Array("key \(index)".utf8)
            let value = (0..<valueBytes).map { UInt8(truncatingIfNeeded: $0 &+ index) }
            _ = try process.answer(SetRequest(key: key, value: value), wall: cluster.now).get()
            values[key] = value
        }
        return values
    }
}
