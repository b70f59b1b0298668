internal import KVCore
internal import Synchronization

/// What a client has seen of one node: how long it takes, how much is under way, and whether it is left out. Shared by all callers;
/// what every call touches is atomic, and may be a moment old.
package final class NodeState: Sendable {
    /// A node that is new, or back, is given its full share only after this long.
    package static let slowStartMicroseconds: UInt64 = 5_000_000
    /// How much heavier it seems at first.
    private static let slowStartFactor = 8.0
    /// What a node counts for that is asked for the first time and has not answered yet.
    private static let unknownMicroseconds = 1_000_000_000.0

    package let name: String
    /// Requests under way in the lower half, finished ones in the upper.
    private let counts = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)
    private let peak = Atomic<UInt64>(0)
    private let peakAt = Atomic<UInt64>(0)
    private let reportedLoad = Atomic<UInt32>(0)
    /// When the slow start is over, in microseconds; 0 = no answer yet.
    private let warmAt = Atomic<UInt64>(0)
    /// `ejection.isEjected`, for those who only look.
    private let isOut = Atomic(false)
    private let ejection = Mutex(Ejection())
    /// How often responses came in.
    private let signs = Atomic<UInt64>(0)
    /// Since when requests have been overtaken without a sign, in microseconds, and how many there were before.
    private let silence = Mutex<(since: UInt64, signs: UInt64?)>((0, nil))

    package init(_ name: String) { self.name = name }

    package var inFlight: Int { Int(UInt32(truncatingIfNeeded: counts.load(ordering: .relaxed))) }
    package var finished: UInt64 { counts.load(ordering: .relaxed) >> 32 }
    package var failed: UInt64 { failures.load(ordering: .relaxed) }
    package var load: Int { Int(reportedLoad.load(ordering: .relaxed)) }
    package var isEjected: Bool { isOut.load(ordering: .relaxed) }
    package var ejectedUntil: UInt64 { ejection.withLock { $0.until } }

    package func latencyMicroseconds(now: UInt64) -> Double { average.value(now: now) }

    private var average: PeakEWMA {
        PeakEWMA(
            peak: Double(bitPattern: peak.load(ordering: .relaxed)),
            updatedAt: peakAt.load(ordering: .relaxed)
        )
    }

    /// How long a request would take, roughly, and times two where a second one is under way: the lower the better.
    package func cost(now: UInt64) -> Double {
        let average = average
        let weight = average.weight(now: now)
        // What the server told is forgotten as its latency is: one that refused everything a while ago is tried again.
        let waiting = 1 + Double(inFlight) + Double(load) * weight
        let latency = average.peak * weight
        if latency == 0 { return inFlight == 0 ? 0 : Self.unknownMicroseconds * waiting }
        let cost = latency * waiting
        let warmAt = warmAt.load(ordering: .relaxed)
        guard now < warmAt else { return cost }
        let left = Double(warmAt - now) / Double(Self.slowStartMicroseconds)
        return cost * (1 + Self.slowStartFactor * left)
    }

    // MARK: A request

    package func began() { counts.add(1, ordering: .relaxed) }

    /// It was answered, well or with an error that is not the node's fault.
    /// - Parameter began: when it left, in microseconds.
    package func answered(began: UInt64, now: UInt64) {
        counts.add(1 << 32 - 1, ordering: .relaxed)
        if warmAt.load(ordering: .relaxed) == 0 { warm(now: now) }
        observe(now - min(now, began), now: now)
    }

    /// It failed, or was left.
    /// - Parameter waited: for how long at least the node has not answered, in microseconds; nil = that says nothing.
    package func ended(waited: UInt64?, now: UInt64) {
        counts.add(1 << 32 - 1, ordering: .relaxed)
        if let waited { observe(waited, now: now) }
    }

    package func countFailure() { failures.add(1, ordering: .relaxed) }

    /// Responses came in, whether or not anybody waits for them still.
    package func report(load: UInt16) {
        reportedLoad.store(UInt32(load), ordering: .relaxed)
        signs.add(1, ordering: .relaxed)
    }

    /// A request was overtaken by its hedge.
    /// - Parameter sent: when it left, in microseconds.
    /// - Returns: for how long the node has been asked, and has not sent anything.
    func silence(sent: UInt64, now: UInt64) -> UInt64 {
        let signs = signs.load(ordering: .relaxed)
        return silence.withLock { silence in
            if silence.signs != signs { silence = (sent, signs) }
            return now - min(now, silence.since)
        }
    }

    /// One that is left out is not asked as others are: how fast it answers its probe says little, and what it was like before counts.
    private func observe(_ latency: UInt64, now: UInt64) {
        if isEjected { return }
        var average = average
        average.observe(Double(max(1, latency)), now: now)
        peak.store(average.peak.bitPattern, ordering: .relaxed)
        peakAt.store(average.updatedAt, ordering: .relaxed)
    }

    private func warm(now: UInt64) { warmAt.store(now + Self.slowStartMicroseconds, ordering: .relaxed) }

    // MARK: Ejection

    /// Changes the ejection; an end of it begins a slow start, and the node is taken for as slow as it was when it was left out. What
    /// would be forgotten meanwhile would make it seem idle, and fast: all callers would ask it at once.
    /// - Returns: whether the node is ejected before and after.
    func ejection<Result>(now: UInt64, _ body: (inout Ejection) -> Result) -> (before: Bool, after: Bool, Result) {
        let (before, after, result) = ejection.withLock { ejection in
            let before = ejection.isEjected
            let result = body(&ejection)
            return (before, ejection.isEjected, result)
        }
        if before && !after {
            warm(now: now)
            peakAt.store(now, ordering: .relaxed)
        }
        isOut.store(after, ordering: .relaxed)
        return (before, after, result)
    }
}
