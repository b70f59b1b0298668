internal import KVWire
internal import Synchronization

/// When hedged reads ask a second replica: after what 95 of 100 reads take, and never later than a given time.
package final class Hedging<Time: ClientTime>: Sendable {
    private let time: Time
    private let longestMicroseconds: UInt64
    private let quantile = Atomic<UInt64>(0)
    private let queue = WakeQueue()

    init(time: Time, longestMilliseconds: UInt64) {
        self.time = time
        longestMicroseconds = longestMilliseconds * 1000
    }

    /// How long a read waits before it is hedged, at least a millisecond.
    package var delayMicroseconds: UInt64 {
        let seen = quantile.load(ordering: .relaxed)
        return seen == 0 ? longestMicroseconds : max(1000, min(seen, longestMicroseconds))
    }

    /// A read took so long.
    func observe(_ microseconds: UInt64) {
        let seen = quantile.load(ordering: .relaxed)
        quantile.store(Self.next(seen, microseconds), ordering: .relaxed)
    }

    /// Moves an estimate of the 95th percentile towards it: up as often as a value is above it, in steps 19 times as long
    /// as those down.
    static func next(_ estimate: UInt64, _ value: UInt64) -> UInt64 {
        if estimate == 0 { return max(1, value) }
        let step = max(1, estimate / 512)
        return value > estimate ? estimate + 19 * step : estimate - min(step, estimate - 1)
    }

    /// Wakes a call at the given time, in microseconds, or up to an eighth of the delay later. One task waits for all.
    func schedule(at: UInt64, _ waiter: any Wakeable, _ call: UInt32 = 0) {
        if queue.append(WakeQueue.Entry(at: at, waiter: waiter, call: call)) { Task { await run() } }
    }

    private func run() async {
        while true {
            let now = time.monotonicMicroseconds
            guard let next = queue.wake(now: now) else { return }
            // Not for each of them alone.
            let wait = max(next - min(next, now), delayMicroseconds / 8)
            do { try await time.sleep(milliseconds: wait / 1000 + 1) } catch {}
        }
    }
}

/// Who is to be woken when. Apart from its generic owner, whose every access would look up types.
private final class WakeQueue: Sendable {
    struct Entry {
        let at: UInt64
        let waiter: any Wakeable
        let call: UInt32
    }

    private struct State {
        /// In the order of their times, nearly: the delay changes slowly.
        var waiting: [Entry] = []
        var next = 0
        var isRunning = false
    }

    private let state = Mutex(State())

    /// True = nobody calls `wake` yet, and the caller is to see to it.
    func append(_ entry: Entry) -> Bool {
        state.withLock { state in
            state.waiting.append(entry)
            defer { state.isRunning = true }
            return !state.isRunning
        }
    }

    /// Wakes those whose time has come.
    /// - Returns: when to come again; nil = nobody is left.
    func wake(now: UInt64) -> UInt64? {
        let (due, next) = state.withLock { state in
            let end = state.waiting[state.next...].firstIndex { $0.at > now } ?? state.waiting.count
            let due = Array(state.waiting[state.next..<end])
            state.next = end
            if end == state.waiting.count || end > 1024 {
                state.waiting.removeSubrange(..<end)
                state.next = 0
            }
            state.isRunning = !state.waiting.isEmpty
            return (due, state.waiting.isEmpty ? nil as UInt64? : state.waiting[state.next].at)
        }
        for entry in due { entry.waiter.wake(entry.call) }
        return next
    }
}
