#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif
internal import KVClient

/// This machine's clocks.
package struct SystemTime: ClientTime {
    /// How far the wall clock is set wrong, for tests.
    private let wallOffsetMilliseconds: Int64

    package init(wallOffsetMilliseconds: Int64 = 0) {
        self.wallOffsetMilliseconds = wallOffsetMilliseconds
    }

    package var monotonicMicroseconds: UInt64 { Self.read(CLOCK_MONOTONIC) / 1000 }
    package var wallMilliseconds: UInt64 {
        UInt64(max(0, Int64(Self.read(CLOCK_REALTIME) / 1_000_000) + wallOffsetMilliseconds))
    }

    package func sleep(milliseconds: UInt64) async throws(CancellationError) {
        do { try await Task.sleep(for: .milliseconds(Int64(clamping: milliseconds))) } catch {
            throw CancellationError()
        }
    }

    /// In nanoseconds.
    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension Duration {
    /// Rounded up; 0 for a negative duration.
    var milliseconds: UInt64 { UInt64(max(0, signedMilliseconds)) }

    /// Rounded away from zero, so that only zero becomes 0; saturated.
    var signedMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return seconds < 0 ? .min : .max }
        let perMillisecond: Int64 = 1_000_000_000_000_000
        var part = attoseconds / perMillisecond
        if attoseconds % perMillisecond != 0 { part += attoseconds.signum() }
        let (sum, sumOverflow) = whole.addingReportingOverflow(part)
        return sumOverflow ? (whole < 0 ? .min : .max) : sum
    }
}
