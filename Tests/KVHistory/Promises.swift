/// What a history is checked against, beyond what holds always.
package struct Promises: Sendable, Hashable {
    /// How far any server's clock may be from the observer's, and then some for the observer's own delays.
    package var clockToleranceMilliseconds: UInt64
    /// A read at `one` sees every write that was acknowledged at `all` before it began.
    package var oneSeesAll: Bool
    /// A read at `quorum` or `all` is never older than an earlier such read's answer, acknowledged or not.
    package var quorumReadsAreMonotone: Bool
    /// A write at `quorum` or `all` wins over everything that such a read had returned before it began. With monotone reads: the
    /// operations at these levels are linearizable.
    package var writesFollowReads: Bool

    package init(
        clockToleranceMilliseconds: UInt64,
        oneSeesAll: Bool = true,
        quorumReadsAreMonotone: Bool = true,
        writesFollowReads: Bool = false
    ) {
        self.clockToleranceMilliseconds = clockToleranceMilliseconds
        self.oneSeesAll = oneSeesAll
        self.quorumReadsAreMonotone = quorumReadsAreMonotone
        self.writesFollowReads = writesFollowReads
    }
}
