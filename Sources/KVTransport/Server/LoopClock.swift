internal import Glibc

/// The two clocks of a loop, read once a pass.
struct LoopClock {
    /// Milliseconds since 1970.
    private(set) var now: UInt64 = 0
    /// Milliseconds since some start, never set back; a few milliseconds coarse, for timers.
    private(set) var monotonic: UInt64 = 0
    private let offset: Int64

    /// - Parameter offset: how far `now` is set wrong, for tests.
    init(offset: Int64) {
        self.offset = offset
        read()
    }

    mutating func read() {
        now = UInt64(max(0, Int64(Self.milliseconds(CLOCK_REALTIME)) + offset))
        monotonic = Self.milliseconds(CLOCK_MONOTONIC_COARSE)
    }

    private static func milliseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
