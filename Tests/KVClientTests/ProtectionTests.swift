import KVClient
import KVCore
import KVWire
import Testing

/// The parts that keep a client from making trouble worse, each on a clock that the test turns.
@Suite struct ProtectionTests {
    // MARK: Budget

    /// Whatever callers do: never more than a tenth of what they asked for, or ten a second, beside what was saved up.
    @Test(arguments: 0..<200)
    func theBudgetIsNeverExceeded(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var budget = AmplificationBudget(now: 0)
        var (now, requests, taken): (UInt64, UInt64, Double) = (0, 0, 0)
        let isBusy = Bool.random(using: &random)
        for _ in 0..<5000 {
            now += UInt64.random(in: 0...20_000, using: &random)
            requests += UInt64.random(in: 0...(isBusy ? 20 : 0), using: &random)
            for _ in 0..<Int.random(in: 0...3, using: &random) where budget.take(requests: requests, now: now) {
                taken += 1
            }
            let bound =
                Double(requests) * AmplificationBudget.share
                + Double(now) / 1_000_000 * AmplificationBudget.floorPerSecond
            #expect(taken <= bound + AmplificationBudget.maxSaved)
        }
        #expect(taken > AmplificationBudget.maxSaved, "what is earned can be spent")
    }

    /// Every call wants to be repeated twice, after any history: a tenth of the calls are, but for what was saved up until it is
    /// earned back.
    @Test(arguments: 0..<200)
    func anOutageGetsATenthOfItsOwnCalls(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var budget = AmplificationBudget(now: 0)
        var (now, requests): (UInt64, UInt64) = (0, 0)
        for _ in 0..<Int.random(in: 0...5000, using: &random) {
            now += 1000
            requests += 1
            if Int.random(in: 0..<8, using: &random) == 0 { _ = budget.take(requests: requests, now: now) }
        }
        var taken = 0
        // While what was saved up is spent, two for each call, a tenth is earned.
        let advance = AmplificationBudget.maxSaved / (1 - AmplificationBudget.share / 2)
        for calls in 1...10_000 {
            now += 500
            requests += 1
            for _ in 0..<2 where budget.take(requests: requests, now: now) { taken += 1 }
            #expect(Double(taken) <= max(advance, Double(calls) * AmplificationBudget.share) + 1)
        }
        #expect(taken >= 850, "nearly all of it can be spent")
    }

    /// All replicas answer that they are overloaded: what is offered is at most a tenth more than what was asked for.
    @Test func aTotalOutageIsNotMadeWorse() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        for node in ["n1", "n2", "n3"] {
            cluster.network.script(node, .fail(RPCError(.resourceExhausted, "too much", reason: .overloaded)))
        }
        let calls = 5000
        var wereOutOfBudget = 0
        for _ in 0..<calls {
            let failure = await #expect(throws: CallFailure.self) { try await cluster.get() }
            if failure?.isOutOfBudget == true {
                wereOutOfBudget += 1
                #expect(failure?.code == .resourceExhausted)
            }
        }
        let seconds = Double(cluster.time.monotonicMilliseconds) / 1000
        let limit = Double(calls) * 1.1 + AmplificationBudget.floorPerSecond * seconds
        #expect(Double(cluster.network.arrivals.count) <= limit)
        #expect(wereOutOfBudget > calls / 2)
    }

    @Test func whatWasNotSentCostsNothing() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .fail(refused))
        cluster.store("v", at: "n2")
        for _ in 0..<1000 { #expect(try await cluster.get() == "v") }
        #expect(
            cluster.client.amplification.saved(now: cluster.time.monotonicMicroseconds) == AmplificationBudget.maxSaved
        )
    }

    // MARK: Ejection

    @Test func anEjectionGrowsAndAnAnswerEndsIt() {
        var ejection = Ejection()
        var now: UInt64 = 1_000_000
        var lengths: [UInt64] = []
        for _ in 0..<8 {
            ejection.failed(isSilence: true, now: now)
            #expect(ejection.isEjected)
            let early = ejection.admit(now: now)
            #expect(!early)
            lengths.append(ejection.until - now)
            now = ejection.until
            let (probe, other) = (ejection.admit(now: now), ejection.admit(now: now))
            #expect(probe && !other, "one may probe it, and no other meanwhile")
        }
        #expect(lengths == [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
        ejection.answered(now: now)
        #expect(!ejection.isEjected)
        ejection.failed(isSilence: true, now: now + Ejection.longestMilliseconds)
        #expect(ejection.until == now + Ejection.longestMilliseconds + 1000, "it was well for long")
    }

    @Test func errorsInARowEjectAndAnAnswerBetweenThemDoesNot() {
        var ejection = Ejection()
        for _ in 0..<Ejection.errorsInARow - 1 { ejection.failed(isSilence: false, now: 1) }
        ejection.answered(now: 1)
        for _ in 0..<Ejection.errorsInARow - 1 { ejection.failed(isSilence: false, now: 1) }
        #expect(!ejection.isEjected)
        ejection.failed(isSilence: false, now: 1)
        #expect(ejection.isEjected)
    }

    /// Every third answer of one node is an error, the others' are not.
    @Test func aNodeThatFailsFarMoreOftenThanTheOthersIsAnOutlier() {
        let table = NodeTable()
        let nodes = ["n1", "n2", "n3"].map { table.state(of: $0) }
        var now: UInt64 = 1_000_000
        for round in 0..<300 {
            now += 1000
            for node in nodes {
                node.began()
                node.ended(waited: nil, now: now)
                if node.name == "n1", round % 2 == 0 {
                    table.failed(node, isSilence: false, now: now)
                } else {
                    table.answered(node, now: now)
                }
            }
            if nodes[0].isEjected { break }
        }
        #expect(nodes.map(\.isEjected) == [true, false, false])
    }

    @Test(arguments: 0..<200)
    func neverMoreThanHalfOfAShardIsLeftOut(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let table = NodeTable()
        let names = (1...Int.random(in: 1...7, using: &random)).map { "n\($0)" }
        let nodes = names.map { table.state(of: $0) }
        var now: UInt64 = 1_000_000
        for _ in 0..<500 {
            now += UInt64.random(in: 0...400_000, using: &random)
            let node = nodes.randomElement(using: &random)!
            if Int.random(in: 0..<4, using: &random) == 0 {
                table.answered(node, now: now)
            } else {
                table.failed(node, isSilence: Bool.random(using: &random), now: now)
            }
            guard let (well, ejected) = table.split(nodes, now: now) else { continue }
            #expect(ejected.count <= nodes.count / 2)
            #expect(Set((well + ejected).map(\.name)) == Set(names) && well.count + ejected.count == names.count)
        }
    }

    // MARK: Balancing

    @Test func aPeakIsSeenAtOnceAndForgottenSlowly() {
        var average = PeakEWMA()
        average.observe(100, now: 0)
        average.observe(5000, now: 1000)
        #expect(average.value(now: 1000) == 5000)
        average.observe(100, now: 2000)
        #expect(average.value(now: 2000) > 4900)
        var now: UInt64 = 2000
        var before = average.value(now: now)
        while now < 20_000_000 {
            now += 100_000
            let value = average.value(now: now)
            #expect(value < before && value > 0)
            before = value
        }
        #expect(before < 100)
    }

    /// A node's share of the reads by its latency, where each call waits for its answer: 64 callers, answers in the order of their times.
    private func shares(_ microseconds: [UInt64], balancer: some Balancer, reads: Int = 20_000) -> [Double] {
        let route = Route(shard: 1, members: microseconds.indices.map { "n\($0)" }, view: 0)
        var underWay: [(end: UInt64, began: UInt64, node: Int)] = []
        var (now, counts): (UInt64, [Int]) = (1_000_000, microseconds.map { _ in 0 })
        for _ in 0..<reads {
            if underWay.count == 64 {
                let index = underWay.indices.min { underWay[$0].end < underWay[$1].end }!
                let (end, began, node) = underWay.remove(at: index)
                now = max(now, end)
                route.nodes[node].answered(began: began, now: now)
            }
            let node = balancer.first(of: route.nodes, route: route, now: now)
            counts[node] += 1
            route.nodes[node].began()
            underWay.append((now + microseconds[node], now, node))
        }
        return counts.map { Double($0) / Double(reads) }
    }

    @Test func aSlowReplicaGetsFewReads() {
        let shares = shares([1000, 1000, 100_000], balancer: LeastCostBalancer())
        #expect(shares[2] < 0.005)
        #expect(abs(shares[0] - shares[1]) < 0.1)
        #expect(self.shares([1000, 1000, 100_000], balancer: RoundRobinBalancer())[2] > 0.3)
    }

    /// A server that is overloaded says so with the greatest load. It is asked again soon, though nobody hears of it meanwhile.
    @Test func aNodeThatRefusedIsTriedAgainWithinSeconds() {
        let nodes = ["n1", "n2"].map { NodeState($0) }
        let route = Route(shard: 1, members: nodes.map(\.name), view: 0)
        var now: UInt64 = 10_000_000
        for node in nodes {
            node.began()
            node.answered(began: now - 200, now: now)
        }
        nodes[0].report(load: .max)
        var asked: UInt64?
        for read in 0..<100_000 where asked == nil {
            now += 100
            let node = LeastCostBalancer().first(of: nodes, route: route, now: now)
            if node == 0 { asked = UInt64(read) }
            nodes[1].began()
            nodes[1].answered(began: now - 200, now: now)
        }
        let milliseconds = (asked ?? .max) / 10
        #expect((1000...3000).contains(milliseconds), "\(milliseconds) ms")
    }

    /// Neither what would be forgotten meanwhile nor the quick answer to its probe makes it seem fast.
    @Test func aNodeThatIsBackSeemsAsSlowAsWhenItWasLeftOut() {
        let table = NodeTable()
        let node = table.state(of: "n1")
        var now: UInt64 = 1_000_000
        node.began()
        node.ended(waited: 250_000, now: now)
        table.failed(node, isSilence: true, now: now)
        #expect(node.isEjected)
        now += Ejection.firstMilliseconds * 1000
        node.began()
        node.answered(began: now - 100, now: now)
        table.answered(node, now: now)
        #expect(!node.isEjected)
        #expect(node.latencyMicroseconds(now: now) == 250_000)
        for _ in 0..<20 {
            now += 100_000
            node.began()
            node.answered(began: now - 100, now: now)
        }
        #expect(node.latencyMicroseconds(now: now) < 1000, "it is forgotten from then on")
    }

    @Test func equalReplicasGetEqualShares() {
        for share in shares([1000, 1000, 1000], balancer: LeastCostBalancer()) { #expect(abs(share - 1.0 / 3) < 0.05) }
    }

    /// Ten clients that start at the same moment do not all begin with the same replica.
    @Test func theFirstRequestsAreSpread() {
        var counts = [0, 0, 0]
        for _ in 0..<300 {
            let route = Route(shard: 1, members: ["n1", "n2", "n3"], view: 0)
            counts[LeastCostBalancer().first(of: route.nodes, route: route, now: 1)] += 1
        }
        #expect(counts.allSatisfy { (50...150).contains($0) }, "\(counts)")
    }

    // MARK: Hedging

    /// n1 hangs; n2 is asked soon, not after n1's share, and n1 is told that nobody waits.
    @Test func aHedgedReadIsAnsweredByTheSecondReplica() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.store("v", at: "n1", "n2")
        cluster.network.script("n1", .hangForEver)
        let start = cluster.time.monotonicMilliseconds
        let response = try await cluster.client.get(
            GetRequest(key: Array("k".utf8)),
            isHedged: true,
            timeoutMilliseconds: 1000
        )
        #expect(response.value == Array("v".utf8))
        #expect(cluster.time.monotonicMilliseconds - start <= 60)
        #expect(cluster.network.arrivals.map(\.node) == ["n1", "n2"])
    }

    @Test func aReadWhoseReplicasFailIsHedgedOnceAndGoesOn() async throws {
        let cluster = try TestCluster(["n1", "n2", "n3"])
        cluster.store("v", at: "n3")
        cluster.network.script("n1", .fail(refused))
        cluster.network.script("n2", .fail(refused))
        let response = try await cluster.client.get(
            GetRequest(key: Array("k".utf8)),
            isHedged: true,
            timeoutMilliseconds: 1000
        )
        #expect(response.value == Array("v".utf8))
        #expect(cluster.network.arrivals.map(\.node) == ["n1", "n2", "n3"])
    }

    @Test func hedgesTakeFromTheBudget() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .hangForEver)
        cluster.store("v", at: "n2")
        let before = cluster.client.amplification.saved(now: cluster.time.monotonicMicroseconds)
        _ = try await cluster.client.get(GetRequest(key: Array("k".utf8)), isHedged: true, timeoutMilliseconds: 1000)
        #expect(cluster.client.amplification.saved(now: cluster.time.monotonicMicroseconds) < before)
    }

    /// n1 hangs, or only takes longer than it may: what it sends late nobody waits for, but it is a sign.
    @Test(arguments: [false, true])
    func aNodeThatIsAlwaysOvertakenIsEjectedIfItIsSilent(isSlow: Bool) async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.store("v", at: "n2")
        cluster.network.script("n1", .hangForEver)
        let node = cluster.client.nodes.state(of: "n1")
        let start = cluster.time.monotonicMilliseconds
        while !node.isEjected, cluster.time.monotonicMilliseconds < start + 1000 {
            let request = GetRequest(key: Array("k".utf8))
            _ = try await cluster.client.get(request, isHedged: true, timeoutMilliseconds: 1000)
            if isSlow { node.report(load: 0) }
            cluster.time.advance(to: cluster.time.monotonicMilliseconds + 10)
        }
        #expect(node.isEjected != isSlow)
        if !isSlow { #expect(cluster.time.monotonicMilliseconds >= start + 250, "an attempt's share") }
    }

    // MARK: Backoff

    @Test func waitsAreSpreadAndNeverShorterThanTheServersWish() {
        let jitter = Jitter.full
        var seen: Set<UInt64> = []
        for _ in 0..<200 {
            var plan = WritePlan(deadline: 10_000, jitter: jitter)
            let route = Route(shard: 1, members: ["n1"], view: 0)
            _ = plan.begin(route, now: 0)
            guard case .perform(let actions) = plan.failed(node: "n1", phase: 1, moving, route: route, now: 0),
                case .wait(_, _, let milliseconds)? = actions.first
            else {
                Issue.record("no wait")
                return
            }
            #expect((50...63).contains(milliseconds))
            seen.insert(milliseconds)
        }
        #expect(seen.count > 5)
    }
}
