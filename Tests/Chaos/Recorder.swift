internal import KVHistory
internal import Synchronization

/// Collects the history while it happens.
final class Recorder: Sendable {
    let progress = Progress()
    private let history: Mutex<History>
    private let counts = Mutex<[String: Int]>([:])
    private let started = ContinuousClock.now
    private let startedAt: UInt64

    /// - Parameter wallMilliseconds: the time since 1970 at this moment.
    init(_ scenario: Scenario, wallMilliseconds: UInt64) {
        startedAt = wallMilliseconds * 1000
        var history = History()
        history.drops = scenario.drops
        history.shardCount = scenario.series.maps[0].count
        self.history = Mutex(history)
    }

    /// Microseconds since 1970, by a clock that never goes back.
    var now: UInt64 {
        let (seconds, attoseconds) = (ContinuousClock.now - started).components
        return startedAt + UInt64(seconds) * 1_000_000 + UInt64(attoseconds / 1_000_000_000_000)
    }

    var snapshot: History { history.withLock { $0 } }

    func add(_ write: Write) { history.withLock { $0.writes.append(write) } }
    func add(_ read: Read) { history.withLock { $0.reads.append(read) } }
    func add(_ servings: [Serving]) { history.withLock { $0.servings += servings } }

    /// What the owners have at the end, in place of what was found before.
    func replace(copies: [Copy]) { history.withLock { $0.copies = copies } }

    /// What is counted beside the faults.
    static let failedReads = "failed reads"

    func count(_ what: String) { counts.withLock { $0[what, default: 0] += 1 } }

    /// Of everything that was counted.
    var tally: [String: Int] { counts.withLock { $0 } }
}
