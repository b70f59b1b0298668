/// A promise that was broken, and by what.
package struct Violation: Sendable, Hashable, Comparable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        // Of writes.
        /// A write that was acknowledged after another one's acknowledgement has the smaller version.
        case lostOrder
        /// A write wins not over what a read had returned before it began.
        case writeBelowRead
        /// Two writes have the same version.
        case versionReused
        /// A value is to live longer than its writer asked for.
        case longerLife
        // Of reads.
        /// A read does not see a write that had been acknowledged.
        case staleRead
        /// A quorum read is older than one before it.
        case readWentBack
        // Of reads and of copies at the end.
        /// A value that was deleted or expired is back.
        case resurrection
        /// A value past its time to live.
        case expiredValue
        /// A value has gone before its time to live was over.
        case earlyExpiry
        /// A value, deadline or marker that nobody wrote, or not with this version.
        case invented
        /// It was seen before its write began.
        case seenTooEarly
        /// A write that had certainly not happened, as its client was told, is there.
        case failedWriteSeen
        // Of copies at the end.
        /// An owner lacks a write that was acknowledged.
        case lostWrite
        /// Owners of one shard have different records of a key.
        case replicasDiffer
        // Of servers.
        /// Majorities of two epochs of a shard served at the same moment.
        case twoEpochs
    }

    /// What shows it: one of a list of the history, by its index there, or a shard.
    package enum Subject: Sendable, Hashable, Comparable {
        case write(Int)
        case read(Int)
        case copy(Int)
        case shard(Int)
    }

    package var kind: Kind
    package var subject: Subject
    package var text: String

    package init(_ kind: Kind, _ subject: Subject, _ text: String) {
        self.kind = kind
        self.subject = subject
        self.text = text
    }

    package static func < (left: Violation, right: Violation) -> Bool {
        (left.kind.rawValue, left.subject, left.text) < (right.kind.rawValue, right.subject, right.text)
    }

    package var description: String { "\(kind.rawValue) \(text)" }
}
