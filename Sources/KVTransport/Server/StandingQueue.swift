/// Which requests a loop has no time for, by how long they have waited since they were read, or could have been. No I/O; times are
/// in milliseconds of one clock that is never set back.
///
/// Requests wait behind a burst or a stall of the machine, too, and there it is best to answer them. So nothing is refused
/// until requests were late again and again for a while, as in CoDel: then more comes than is answered, whatever the server's
/// speed, and each that is answered late keeps others waiting. Those go that have waited for a quarter of what their
/// callers give them: as much again may have passed before they were read, and the answers of others that were late are
/// thrown away by their callers.
struct StandingQueue {
    /// One that waited so long is late.
    static let targetMilliseconds: UInt64 = 10
    /// The queue stands when some were late for so long, with no pause as long as that.
    static let intervalMilliseconds: UInt64 = 100
    private static let patienceShare: UInt64 = 4

    /// In a queue that stands, none waits longer than this; 0 = nothing is refused.
    let maxWaitMilliseconds: UInt64
    private var lateSince: UInt64 = 0
    private var lateAt: UInt64 = 0

    init(maxWaitMilliseconds: UInt64) { self.maxWaitMilliseconds = maxWaitMilliseconds }

    /// Requests are about to be answered.
    /// - Parameter waited: for how long they have been there.
    /// - Returns: those whose callers wait no longer than this in all are to be refused.
    mutating func refusedPatience(waited: UInt64, now: UInt64) -> UInt32 {
        guard maxWaitMilliseconds > 0 else { return 0 }
        guard waited >= Self.targetMilliseconds else { return UInt32(waited) }
        if now - lateAt >= Self.intervalMilliseconds { lateSince = now }
        lateAt = now
        guard now - lateSince >= Self.intervalMilliseconds else { return UInt32(clamping: waited) }
        return waited >= maxWaitMilliseconds ? .max : UInt32(clamping: waited * Self.patienceShare)
    }
}
