internal import KVHistory
internal import KVSharding

/// What is drawn anew for a large history: a shard that moves has many keys, some of them far hotter than others, and values around the size of a
/// page of the copy and above it. It is copied for seconds under many writes, so that what changes meanwhile is listed in several pages.
struct Large {
    static let share = 0.15
    static let callRateFactor = 2
    /// Longer than a copy takes.
    static let mapPause = 2500...4500

    let contents: Contents
    /// A shard's only owner is all that its next one can ask.
    let replicas: Int
    let copyBytesPerSecond: Int

    init(_ random: inout SeededRandom) {
        var contents = Contents(keyCount: random.number(500...1000))
        contents.skew = Double(random.number(2...3))
        contents.valueBytesMax = random.number(8 << 10...40 << 10)
        self.contents = contents
        replicas = random.chance(0.7) ? 1 : 2
        // The whole shard in two seconds.
        copyBytesPerSecond = contents.keyCount * contents.valueBytesMax / 4
    }
}
