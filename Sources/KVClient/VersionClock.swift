package import KVCore
internal import Synchronization

/// Stamps writes: a hybrid logical clock that follows the servers' clocks, not this machine's.
///
/// The cluster's time is estimated as the local monotonic clock plus an offset: the median, over the nodes, of what their
/// HELLOs told; before the first HELLO, what the local wall clock says. Stamps strictly increase, except
/// after a server refused one as too far ahead; from then on they have another writer, so that none is stamped twice.
/// All times are in milliseconds; `now` is the local monotonic clock.
package final class VersionClock: Sendable {
    package struct Stamp: Sendable, Hashable {
        package var version: Version
        /// The cluster's time when it was stamped, milliseconds since 1970.
        package var clockMilliseconds: UInt64
    }

    private struct State {
        var offset: Int64
        var offsets: [String: Int64] = [:]
        /// The greatest `Version.time` that was stamped or seen.
        var last: UInt64 = 0
        private(set) var writer: UInt64

        init(offset: Int64, writer: UInt64) {
            self.offset = offset
            self.writer = writer
        }

        /// As random as the first one was: the mix of SplitMix64, which gives each number another one.
        mutating func becomeAnotherWriter() {
            var word = writer &+ 0x9e37_79b9_7f4a_7c15
            word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
            writer = word ^ word >> 31
        }

        func clock(now: UInt64) -> UInt64 {
            UInt64(max(0, Int64(clamping: now) &+ offset))
        }
    }

    private let state: Mutex<State>

    /// - Parameter writer: tells this clock's first stamps from all others; random.
    package init(writer: UInt64, wallMilliseconds: UInt64, now: UInt64) {
        state = Mutex(State(offset: Self.offset(of: wallMilliseconds, now: now), writer: writer))
    }

    /// A server has told its time.
    package var hasEstimate: Bool { state.withLock { !$0.offsets.isEmpty } }

    /// The cluster's time, milliseconds since 1970.
    package func milliseconds(now: UInt64) -> UInt64 { state.withLock { $0.clock(now: now) } }

    package func stamp(now: UInt64) -> Stamp {
        state.withLock { state in
            let clock = state.clock(now: now)
            // At its very end the clock stands still.
            if state.last == .max { state.becomeAnotherWriter() } else { state.last += 1 }
            state.last = max(clock << 16, state.last)
            return Stamp(version: Version(time: state.last, writer: state.writer), clockMilliseconds: clock)
        }
    }

    /// The next stamps are above `version`.
    package func raise(above version: Version) {
        state.withLock { $0.last = max($0.last, version.time) }
    }

    /// Takes in the time that a node's HELLO told.
    package func observe(_ serverMilliseconds: UInt64, of node: String, now: UInt64) {
        guard serverMilliseconds > 0 else { return }
        state.withLock { state in
            state.offsets[node] = Self.offset(of: serverMilliseconds, now: now)
            let sorted = state.offsets.values.sorted()
            state.offset = sorted[(sorted.count - 1) / 2]
        }
    }

    /// Takes over the time of a node that refused a stamp: it is of this moment, the HELLOs are of their
    /// connections' beginnings. A stamp that was ahead of it does not hold the later ones up there.
    package func correct(to serverMilliseconds: UInt64, of node: String, now: UInt64) {
        guard serverMilliseconds > 0 else { return }
        state.withLock { state in
            state.offset = Self.offset(of: serverMilliseconds, now: now)
            state.offsets = [node: state.offset]
            let time = min(serverMilliseconds, 1 << 48 - 1) << 16
            guard time < state.last else { return }
            state.last = time
            state.becomeAnotherWriter()
        }
    }

    private static func offset(of milliseconds: UInt64, now: UInt64) -> Int64 {
        // 48 bits are what a version has for them.
        Int64(min(milliseconds, 1 << 48 - 1)) &- Int64(clamping: now)
    }
}
