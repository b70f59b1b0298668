internal import Glibc

/// The clocks of a loop.
struct LoopClock {
    /// Milliseconds since some start, never set back, when the pass began: for timers.
    private(set) var monotonic: UInt64 = 0
    /// How much of that the loop had nothing to do while connections waited for something.
    private var idle: UInt64 = 0
    private let offset: Int64

    /// - Parameter offset: how far `now` is set wrong, for tests.
    init(offset: Int64) {
        self.offset = offset
        beginPass()
    }

    /// Not the coarse clock, which stands still for several milliseconds: slices of maintenance are a millisecond apart.
    mutating func beginPass() { monotonic = Self.milliseconds(CLOCK_MONOTONIC) }

    /// As `beginPass()`, where connections wait.
    /// - Parameter busy: `busyNow` when the last pass ended.
    mutating func beginPass(after busy: UInt64) {
        beginPass()
        idle = monotonic - busy
    }

    /// Milliseconds in which the loop was busy, when the pass began: those in which a connection that waits for its client to read does
    /// not hurry are not counted.
    var busy: UInt64 { monotonic - idle }
    /// `busy` at this moment.
    var busyNow: UInt64 { Self.milliseconds(CLOCK_MONOTONIC) - idle }

    /// Milliseconds since 1970, at this moment.
    var now: UInt64 { UInt64(max(0, Int64(Self.milliseconds(CLOCK_REALTIME)) + offset)) }

    private static func milliseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
