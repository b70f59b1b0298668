/// Whether a node is left out of reads because it does not answer, or answers with errors. No I/O; times are in milliseconds of one
/// clock.
///
/// ```
/// well ──no answer, errors in a row, or an outlier──▶ ejected ──time over──▶ probed ──answer──▶ well
///                                                        ▲                     │
///                                                        └──longer───no answer─┘
/// ```
/// A probe is one read that asks the node in its normal place; while it is under way the others go on leaving it out.
package struct Ejection {
    package static let firstMilliseconds: UInt64 = 1000
    package static let longestMilliseconds: UInt64 = 30_000
    /// How long the others wait for the outcome of a probe.
    package static let probeMilliseconds: UInt64 = 500
    /// So many errors in a row eject; of no answer at all, one does.
    package static let errorsInARow = 5

    package private(set) var isEjected = false
    /// When it may be tried next.
    package private(set) var until: UInt64 = 0
    private var errors = 0
    /// How often in a row; forgotten once it has been well for as long as the longest ejection.
    private var count = 0
    private var wellSince: UInt64 = 0

    package init() {}

    package mutating func answered(now: UInt64) {
        errors = 0
        guard isEjected else { return }
        isEjected = false
        wellSince = now
    }

    /// - Parameter isSilence: it did not answer at all.
    package mutating func failed(isSilence: Bool, now: UInt64) {
        errors += 1
        if isSilence || errors >= Self.errorsInARow { eject(now: now) }
    }

    package mutating func eject(now: UInt64) {
        // Those that were under way when it was ejected say nothing new.
        if isEjected && now < until && !isProbed { return }
        if !isEjected && now >= wellSince + Self.longestMilliseconds { count = 0 }
        isEjected = true
        isProbed = false
        errors = 0
        until = now + min(Self.firstMilliseconds << UInt64(min(count, 16)), Self.longestMilliseconds)
        count += 1
    }

    private var isProbed = false

    /// Whether a read may ask it in its normal place; a read that may is the probe.
    package mutating func admit(now: UInt64) -> Bool {
        if !isEjected { return true }
        guard now >= until else { return false }
        isProbed = true
        until = now + Self.probeMilliseconds
        return true
    }
}
