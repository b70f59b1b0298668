import Synchronization
import Testing

@testable import ShardKVCommand

@Suite struct LatencyLogTests {
    private final class ManualClock: Sendable {
        private let time: Atomic<UInt64>
        init(_ milliseconds: UInt64) { time = Atomic(milliseconds) }
        var milliseconds: UInt64 {
            get { time.load(ordering: .relaxed) }
            set { time.store(newValue, ordering: .relaxed) }
        }
    }

    private let clock = ManualClock(1_700_000_000_050)
    private let lines = LineCollector()

    private func log() -> LatencyLog {
        let (clock, lines) = (clock, lines)
        return LatencyLog(wallMilliseconds: { clock.milliseconds }, write: { lines.append($0) })
    }

    @Test func aLineForEachIntervalAndKind() {
        let log = log()
        for latency in 1...100 as ClosedRange<UInt64> { log.recordGet(latencyMicroseconds: latency, isSuccess: true) }
        log.recordSet(latencyMicroseconds: 900, isSuccess: true)
        #expect(lines.all == [LatencyLog.header])
        clock.milliseconds += 100
        log.recordGet(latencyMicroseconds: 7, isSuccess: true)
        clock.milliseconds += 1000
        log.recordSet(latencyMicroseconds: 8, isSuccess: true)
        log.finish()
        #expect(
            lines.all == [
                LatencyLog.header,
                "1700000000000\tget\t100\t0\t50\t99\t100",
                "1700000000000\tset\t1\t0\t900\t900\t900",
                "1700000000100\tget\t1\t0\t7\t7\t7",
                "1700000001100\tset\t1\t0\t8\t8\t8",
            ]
        )
    }

    @Test func aFailureIsCountedAndHasNoLatency() {
        let log = log()
        log.recordSet(latencyMicroseconds: 1_000_000, isSuccess: false)
        log.recordGet(latencyMicroseconds: 1_000_000, isSuccess: false)
        log.recordGet(latencyMicroseconds: 5, isSuccess: true)
        log.finish()
        #expect(
            Array(lines.all.dropFirst()) == [
                "1700000000000\tget\t1\t1\t5\t5\t5",
                "1700000000000\tset\t0\t1\t-\t-\t-",
            ]
        )
    }

    @Test func aClockSetBackKeepsTheOrder() {
        let log = log()
        log.recordGet(latencyMicroseconds: 1, isSuccess: true)
        clock.milliseconds -= 500
        log.recordGet(latencyMicroseconds: 2, isSuccess: true)
        clock.milliseconds += 700
        log.recordGet(latencyMicroseconds: 3, isSuccess: true)
        log.finish()
        #expect(
            Array(lines.all.dropFirst()) == ["1700000000000\tget\t2\t0\t1\t2\t2", "1700000000200\tget\t1\t0\t3\t3\t3"]
        )
    }
}
