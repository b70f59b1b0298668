internal import KVCore

/// A map gave a shard to no node: what had been written there is gone, and does not come back.
package struct Drop: Sendable, Hashable {
    package var shard: Int
    /// From when that map was made until every node knew of it; `never` = some never did, so that it may not have happened.
    package var span: Span

    package init(shard: Int, span: Span) {
        self.shard = shard
        self.span = span
    }
}

extension History {
    func drops(of key: [UInt8]) -> [Span] {
        if drops.isEmpty { return [] }
        let shard = Int(key.withUnsafeBytes { RoutingHash.fnv1($0) } % UInt32(shardCount)) + 1
        return drops.filter { $0.shard == shard }.map(\.span)
    }
}
