/// The time as the client sees it: passed in, so that the same code runs on a simulated clock.
package protocol ClientTime: Sendable {
    /// Microseconds of a clock that never goes back; its zero means nothing. For latencies, deadlines and waits.
    var monotonicMicroseconds: UInt64 { get }
    /// Milliseconds since 1970, as far as this machine knows.
    var wallMilliseconds: UInt64 { get }
    /// Throws when the task is cancelled.
    func sleep(milliseconds: UInt64) async throws(CancellationError)
}

extension ClientTime {
    /// Of the same clock as `monotonicMicroseconds`.
    package var monotonicMilliseconds: UInt64 { monotonicMicroseconds / 1000 }
}
