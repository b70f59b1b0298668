import KVClient
import KVWire
import Testing

/// What becomes of a cluster that is asked for three times what it can do, and of reads where the replicas' capacities differ.
@Suite struct OverloadTests {
    private let phases = [
        OverloadSimulation.Phase(seconds: 2, readsPerSecond: OverloadSimulation.capacity / 2),
        OverloadSimulation.Phase(seconds: 3, readsPerSecond: OverloadSimulation.capacity * 3),
        OverloadSimulation.Phase(seconds: 4, readsPerSecond: OverloadSimulation.capacity / 2),
    ]

    private func percentile(_ sorted: [Double], _ share: Double) -> Double {
        sorted.isEmpty ? .infinity : sorted[Int(Double(sorted.count - 1) * share)]
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func goodputHoldsUnderThreeTimesTheCapacity(seed: UInt64) {
        var simulation = OverloadSimulation(isProtected: true, phases: phases, seed: seed)
        simulation.run()
        let goodput = simulation.goodput(from: 2.5, to: 5) / OverloadSimulation.capacity
        #expect(goodput >= 0.8, "\(goodput) of the capacity")
        #expect(Double(simulation.attempts) <= Double(simulation.calls.count) * 1.1)
        let before = percentile(simulation.latencies(from: 1, to: 2), 0.99)
        let after = percentile(simulation.latencies(from: 7, to: 9), 0.99)
        #expect(after <= 2 * before, "p99 \(after) ms two seconds after the overload, \(before) ms before it")
        #expect(simulation.goodput(from: 7, to: 9) > 0.49 * OverloadSimulation.capacity)
    }

    /// The same without bounded queues, deadlines, budget and balancing: what the protections are for.
    @Test func goodputCollapsesWithoutTheProtections() {
        var simulation = OverloadSimulation(isProtected: false, phases: phases, seed: 1)
        simulation.run()
        let goodput = simulation.goodput(from: 2.5, to: 5) / OverloadSimulation.capacity
        #expect(goodput < 0.3, "\(goodput) of the capacity")
        #expect(Double(simulation.attempts) > Double(simulation.calls.count) * 1.3)
    }

    /// Servers that are never idle: callers send the next read when one was answered. One of three has a quarter of the capacity.
    @Test func readsFollowCapacity() {
        let route = Route(shard: 1, members: ["n1", "n2", "n3"], view: 0)
        let service: [UInt64] = [1000, 1000, 4000]
        var queues: [[(began: UInt64, caller: Int)]] = [[], [], []]
        var doneAt: [UInt64] = [.max, .max, .max]
        var counts = [0, 0, 0]
        var now: UInt64 = 1
        func send(_ caller: Int) {
            let node = LeastCostBalancer().first(of: route.nodes, route: route, now: now)
            route.nodes[node].began()
            queues[node].append((now, caller))
            if queues[node].count == 1 { doneAt[node] = now + service[node] }
        }
        for caller in 0..<64 { send(caller) }
        for step in 0..<60_000 {
            let node = doneAt.indices.min { doneAt[$0] < doneAt[$1] }!
            now = doneAt[node]
            let (began, caller) = queues[node].removeFirst()
            route.nodes[node].answered(began: began, now: now)
            if step >= 20_000 { counts[node] += 1 }
            doneAt[node] = queues[node].isEmpty ? .max : now + service[node]
            send(caller)
        }
        let total = Double(counts.reduce(0, +))
        for (count, ideal) in zip(counts, [4.0 / 9, 4.0 / 9, 1.0 / 9]) {
            #expect(abs(Double(count) / total - ideal) <= 0.15 * ideal, "\(counts)")
        }
    }
}
