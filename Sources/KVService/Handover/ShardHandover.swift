import KVWire

/// What a `HandoverCoordinator` knows of one shard that its node hosts.
struct ShardHandover {
    /// The shard moves away.
    struct Leave {
        /// The newest epoch known at which others own it.
        var epoch: UInt64
        var owners: [String]
        var confirmed: Set<String> = []
    }

    /// Pages on their way from another node.
    struct Copy {
        /// Tells the pages of this copy from those of an earlier one.
        var identifier: UInt64
        var source: String
        /// The page under way or next; empty = the first.
        var pageToken: [UInt8] = []
        /// The fetch under way.
        var fetch: UInt64?
        var failedTries = 0
        /// Pages that arrived and are not merged yet.
        var unmerged = 0
        var isLastPageHere = false
    }

    /// A node whose records this one may lack though it serves already.
    struct Inquiry {
        /// It did not answer while the shard joined; otherwise it offers what it holds.
        var isLate: Bool
        var answer: Join.Answer?
    }

    var state: ShardState
    /// The epoch at which the copy was last complete, 0 = never. Serving: see `HandoverCoordinator.completeEpoch`.
    var completeEpoch: UInt64 = 0
    /// The epoch at which this node joined: it has seen every write acknowledged by its owners since.
    var joinedAt: UInt64 = 0
    /// Serving without the answers of nodes that may hold older records.
    var isWaived = false

    var join: Join?
    var leave: Leave?
    var inquiries: [String: Inquiry] = [:]
    /// Nodes whose records are all here, with the epoch at which they were asked and stopped taking writes.
    var covered: [String: UInt64] = [:]
    var copy: Copy?
    var copiedRecords = 0
    var copiedBytes = 0

    /// Something is still to be done.
    var isActive: Bool { join != nil || leave != nil || !inquiries.isEmpty }
}
