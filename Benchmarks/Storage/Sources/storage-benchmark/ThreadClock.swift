import Glibc

/// The CPU time of the calling thread, in nanoseconds: what others do on the machine disturbs it least.
enum ThreadClock {
    static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func measure(_ body: () -> Void) -> UInt64 {
        let start = nanoseconds
        body()
        return nanoseconds - start
    }
}

/// Many steps, and the longest of them.
struct StepTimes {
    private(set) var count = 0
    private(set) var total: UInt64 = 0
    private(set) var longest: UInt64 = 0

    mutating func measure(_ body: () -> Void) {
        let elapsed = ThreadClock.measure(body)
        count += 1
        total += elapsed
        longest = max(longest, elapsed)
    }

    var longestMicroseconds: Double { Double(longest) / 1000 }
}
