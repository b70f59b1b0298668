/// What was done to a cluster, and what was seen of it. The order within each list means nothing.
package struct History: Sendable {
    package var writes: [Write] = []
    package var reads: [Read] = []
    /// One for each key that was written and each owner that its shard has at the end.
    package var copies: [Copy] = []
    package var servings: [Serving] = []
    package var drops: [Drop] = []
    /// Decides which keys a drop concerns.
    package var shardCount = 1

    package init() {}

    /// Every key that a client wrote.
    package var writtenKeys: Set<[UInt8]> { Set(writes.map(\.key)) }

    /// What in this history breaks a promise, each once. n log n in the operations of a key.
    package func violations(of promises: Promises) -> [Violation] {
        var keys: [[UInt8]: KeyHistory] = [:]
        for (index, write) in writes.enumerated() {
            keys[write.key, default: KeyHistory()].writes.append((index, write))
        }
        for (index, read) in reads.enumerated() { keys[read.key, default: KeyHistory()].reads.append((index, read)) }
        for (index, copy) in copies.enumerated() { keys[copy.key, default: KeyHistory()].copies.append((index, copy)) }
        for key in keys.keys { keys[key]?.drops = drops(of: key) }
        let ofKeys = keys.values.flatMap { KeyChecker($0, promises).violations }
        return (ofKeys + EpochChecker.violations(servings)).sorted()
    }
}

/// What concerns one key, each with its place in the history.
struct KeyHistory {
    var writes: [(index: Int, write: Write)] = []
    var reads: [(index: Int, read: Read)] = []
    var copies: [(index: Int, copy: Copy)] = []
    /// When its shard was given to no node.
    var drops: [Span] = []
}
