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

    /// Servers that are never idle: one of three has a part of the others' capacity. The first seconds, in which nothing is known of it,
    /// do not count.
    private func expectReadsToFollowCapacity(slowest: UInt64, callers: Int) {
        let service: [UInt64] = [1000, 1000, slowest]
        var simulation = ClosedLoopSimulation(service: service, callers: callers)
        _ = simulation.run(seconds: 3)
        let counts = simulation.run(seconds: 20)
        let (total, capacity) = (Double(counts.reduce(0, +)), service.reduce(0) { $0 + 1 / Double($1) })
        for (count, service) in zip(counts, service) {
            let ideal = 1 / Double(service) / capacity
            #expect(abs(Double(count) / total - ideal) <= 0.15 * ideal, "\(counts)")
        }
    }

    @Test(arguments: [16, 64, 128])
    func readsFollowCapacity(callers: Int) { expectReadsToFollowCapacity(slowest: 4000, callers: callers) }

    /// At first it is asked for more than it can answer within an attempt, and left out. When it is back, it must not be flooded again,
    /// which would have it left out for twice as long each time.
    @Test func readsFollowCapacityAfterAnEjection() { expectReadsToFollowCapacity(slowest: 10_000, callers: 128) }
}
