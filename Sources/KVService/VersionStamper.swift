import KVCore

/// Stamps the writes whose clients leave that to the server. One for each handler, with a writer number of its own, so
/// that no two stamps are equal and threads share nothing.
///
/// A stamp is above the clock, above this stamper's last one, and above the record that it replaces, which the caller reads
/// under the same stripe lock that it stores under: so of two such writes of a key, the one that arrives later wins, whichever
/// threads they arrive at.
struct VersionStamper {
    private let writer: UInt64
    private var last: UInt64 = 0

    init(writer: UInt64) { self.writer = writer }

    /// - Parameter now: milliseconds since 1970.
    mutating func stamp(now: UInt64, above current: Version) -> Version {
        let (next, overflow) = max(last, current.time).addingReportingOverflow(1)
        last = max(now << 16, overflow ? .max : next)
        return Version(time: last, writer: writer)
    }
}
