/// Keeps what copies bring below a rate, so that requests have the machine for themselves most of the time.
struct CopyPacer: Sendable {
    /// 0 = as fast as it goes.
    let bytesPerSecond: Int
    /// When what was brought is paid for, in microseconds of the clock of `pause`.
    private var paidAt: UInt64 = 0

    init(bytesPerSecond: Int) { self.bytesPerSecond = bytesPerSecond }

    /// How long the next request has to wait, in milliseconds, after one that brought so many bytes.
    /// - Parameter now: milliseconds.
    mutating func pause(after bytes: Int, now: UInt64) -> UInt64 {
        guard bytesPerSecond > 0, bytes > 0 else { return 0 }
        let start = max(paidAt, now * 1000)
        paidAt = start + UInt64(bytes) * 1_000_000 / UInt64(bytesPerSecond)
        return (paidAt - now * 1000) / 1000
    }
}
