internal import KVHistory
internal import KVSharding

/// Large histories: a shard that moves has many keys, some of them far hotter than others, and values around the size of a page of the copy and
/// above it. So what changes meanwhile is listed in several pages, the answers are cut short, and sometimes not all changes are known.
extension Scenario {
    static let largeShare = 0.25

    /// Keeps the kinds of faults, but for those that no copy would end with.
    mutating func enlarge(_ random: inout SeededRandom) {
        let pageBytes = [256, 512].randomElement(using: &random)!
        copyPageBytes = pageBytes / 2...pageBytes
        if random.chance(0.2) { recordedChangesMax = 1 << 10 }
        milliseconds = random.number(1500...2500)
        network = Network.Conditions(delayMilliseconds: 1...2)
        load.clients = 3
        load.callersPerClient = 3
        load.pauseMilliseconds = random.number(8...20)
        load.readShare = 0.2
        load.contents.keyCount = random.number(150...300)
        load.contents.skew = Double(random.number(2...4))
        load.contents.valueBytesMax = random.number(pageBytes / 2...2 * pageBytes)
        // A shard's only owner is all that its next one can ask.
        let replicas = random.chance(0.8) ? 1 : 2
        series = MapSeries(nodes: nodes, shardCount: 1, replicas: replicas, minReplicas: replicas)
        if replicas == 1 { rates.crash = nil }
        rates.slow = nil
        rates.map = 400...1000
    }
}
