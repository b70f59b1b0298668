import KVClient
import KVCore
import Testing

@Suite struct VersionClockTests {
    private func clock() -> VersionClock { VersionClock(writer: 7, wallMilliseconds: 1_000_000, now: 50) }

    @Test func followsTheWallClockUntilAServerTellsItsTime() {
        let clock = clock()
        #expect(!clock.hasEstimate)
        #expect(clock.milliseconds(now: 60) == 1_000_010)
        clock.observe(2_000_000, of: "n1", now: 60)
        #expect(clock.hasEstimate)
        #expect(clock.milliseconds(now: 61) == 2_000_001)
    }

    @Test func takesTheMedianOfTheNodes() {
        let clock = clock()
        clock.observe(2_000_000, of: "n1", now: 0)
        clock.observe(9_000_000, of: "n2", now: 0)
        clock.observe(2_000_100, of: "n3", now: 0)
        #expect(clock.milliseconds(now: 0) == 2_000_100)
    }

    @Test func stampsStrictlyIncrease() {
        let clock = clock()
        var last = Version.none
        for now in [50, 50, 50, 49, 50, 51] as [UInt64] {
            let stamp = clock.stamp(now: now)
            #expect(stamp.version > last)
            #expect(stamp.version.writer == 7)
            last = stamp.version
        }
        #expect(last.milliseconds == 1_000_001)
    }

    @Test func stampsAboveAVersionThatWasSeen() {
        let clock = clock()
        let seen = Version(milliseconds: 3_000_000, counter: 9, writer: .max)
        clock.raise(above: seen)
        let stamp = clock.stamp(now: 50)
        #expect(stamp.version > seen)
        #expect(stamp.version.milliseconds == 3_000_000)
        #expect(stamp.clockMilliseconds == 1_000_000, "deadlines follow the clock, not the versions")
    }

    @Test func aRefusedStampDoesNotHoldTheNextOnesUp() {
        let clock = clock()
        clock.observe(9_000_000, of: "n1", now: 0)
        #expect(clock.stamp(now: 0).version.milliseconds == 9_000_000)
        clock.correct(to: 2_000_000, of: "n2", now: 5)
        let stamp = clock.stamp(now: 6)
        #expect(stamp.version.milliseconds == 2_000_001)
        #expect(stamp.clockMilliseconds == 2_000_001)
    }

    @Test func noVersionIsStampedTwiceThoughTheClockGoesBack() {
        let clock = clock()
        var versions: Set<Version> = []
        for _ in 0..<100 {
            for now in 0..<10 as Range<UInt64> { versions.insert(clock.stamp(now: now).version) }
            clock.correct(to: 1_000, of: "n1", now: 0)
        }
        #expect(versions.count == 1000)
        #expect(versions.allSatisfy { $0.writer != 0 })
    }

    @Test func aCorrectionForwardKeepsTheWriter() {
        let clock = clock()
        clock.correct(to: 2_000_000, of: "n1", now: 50)
        #expect(clock.stamp(now: 50).version.writer == 7)
    }

    @Test func noVersionIsStampedTwiceAtTheEndOfTime() {
        let clock = clock()
        clock.raise(above: Version(time: .max, writer: 1))
        #expect(Set((0..<10).map { _ in clock.stamp(now: 0).version }).count == 10)
    }

    @Test func survivesAbsurdTimes() {
        let clock = clock()
        clock.observe(.max, of: "n1", now: 0)
        clock.observe(0, of: "n2", now: 0)
        clock.raise(above: Version(time: .max, writer: 1))
        #expect(clock.stamp(now: .max).version.time == .max)
    }
}
