internal import KVHistory

/// From when to when nodes heard that a shard is given to nobody.
struct DropLog {
    private var open: [(shard: Int, epoch: UInt64, begin: UInt64)] = []
    private var closed: [Drop] = []

    mutating func note(_ shard: Int, epoch: UInt64, at instant: UInt64) { open.append((shard, epoch, instant)) }

    /// - Parameters:
    ///   - known: the epoch of the newest drop of a shard that all nodes know of.
    ///   - instant: the time.
    mutating func update(_ known: (_ shard: Int) -> UInt64, at instant: () -> UInt64) {
        for drop in open where known(drop.shard) >= drop.epoch {
            closed.append(Drop(shard: drop.shard, span: Span(drop.begin, instant())))
            open.removeAll { $0 == drop }
        }
    }

    var all: [Drop] { closed + open.map { Drop(shard: $0.shard, span: Span($0.begin, Span.never)) } }
}
