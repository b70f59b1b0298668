/// Numbers the maps that a process follows, so that all processes agree which of two is newer.
package enum MapEpoch {
    /// How far a file's time may lie in the future before it stops counting.
    package static let maxAheadMilliseconds: UInt64 = 60_000

    /// The number of a map whose content is new: the one it gives itself, else its file's modification time, which every
    /// process that reads the same file finds, but always above `current`. Times in milliseconds since 1970.
    ///
    /// - Parameter current: the number of the map in force, nil at the start.
    package static func number(
        declared: UInt64?,
        modifiedAtMilliseconds: UInt64,
        current: UInt64?,
        now: UInt64
    ) -> UInt64 {
        if let declared { return declared }
        let (latest, overflow) = now.addingReportingOverflow(maxAheadMilliseconds)
        let modifiedAt = overflow ? modifiedAtMilliseconds : min(modifiedAtMilliseconds, latest)
        guard let current else { return modifiedAt }
        return max(modifiedAt, current == .max ? .max : current + 1)
    }
}
