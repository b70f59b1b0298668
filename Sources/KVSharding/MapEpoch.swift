/// Numbers the maps that a process follows, so that all processes agree which of two is newer.
package enum MapEpoch {
    /// How far a file's time may lie in the future before it stops counting.
    package static let maxAheadMilliseconds: UInt64 = 60_000

    /// The greatest number of a map: what its file can say, and what fits a signed number everywhere.
    private static let greatest = UInt64(Int64.max)

    /// The number of a map whose content is new: the one it gives itself, else its file's modification time, which every
    /// process that reads the same file finds, but always above `current`, as long as there is a number above: a result that
    /// is not means that no map can follow. Times in milliseconds since 1970.
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
        let modifiedAt = min(modifiedAtMilliseconds, overflow ? greatest : latest, greatest)
        guard let current else { return modifiedAt }
        return max(modifiedAt, current >= greatest ? greatest : current + 1)
    }
}
