import Testing

@testable import KVTransport

/// When a loop refuses requests, on a clock that the test turns.
@Suite struct StandingQueueTests {
    private static let start: UInt64 = 1_000_000

    /// However long a stall, what waited behind it is answered, but for those whose callers have left.
    @Test(arguments: [20, 200, 5000])
    func aStallRefusesNobodyWhoStillWaits(stall: UInt64) {
        var queue = StandingQueue(maxWaitMilliseconds: 100)
        for round: UInt64 in 0..<20 {
            let end = Self.start + round * (stall + 200)
            // What waits then is answered within 90 ms.
            for late: UInt64 in 0..<90 {
                #expect(queue.refusedPatience(waited: stall + late, now: end + late) == UInt32(stall + late))
            }
        }
    }

    /// Requests wait longer and longer: the patient are answered longer than the impatient.
    @Test func inAQueueThatStandsAQuarterOfTheirPatienceIsEnough() {
        var queue = StandingQueue(maxWaitMilliseconds: 100)
        for now: UInt64 in 0...100 { _ = queue.refusedPatience(waited: 10, now: Self.start + now) }
        let now = Self.start + 101
        #expect(queue.refusedPatience(waited: 9, now: now) == 9, "what came in just now is answered")
        #expect(queue.refusedPatience(waited: 10, now: now) == 40)
        #expect(queue.refusedPatience(waited: 99, now: now) == 396)
        #expect(queue.refusedPatience(waited: 100, now: now) == .max, "nobody waits longer than the bound")
        #expect(queue.refusedPatience(waited: 99, now: now + 100) == 99, "none was late for a while")
    }

    @Test func withoutABoundNothingIsRefused() {
        var queue = StandingQueue(maxWaitMilliseconds: 0)
        for now: UInt64 in 0..<1000 { #expect(queue.refusedPatience(waited: now, now: Self.start + now) == 0) }
    }
}
