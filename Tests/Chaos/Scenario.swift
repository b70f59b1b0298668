internal import KVHistory
internal import KVSharding

/// What a run is about: all of it follows from the seed.
struct Scenario {
    struct Client {
        var name: String
        /// How far its wall clock is wrong.
        var clockOffsetMilliseconds: Int64
        /// Learns of maps so much later than others.
        var latenessMilliseconds: Int
        /// How many replicas have to acknowledge its writes, and to answer its reads.
        var writeLevel: Level
        var readLevel: Level
    }

    let seed: UInt64
    let milliseconds: Int
    let nodes: [String]
    let clients: [Client]
    let contents: Contents
    /// How many times as many calls as usual are made.
    let callRateFactor: Int
    let serverOptions: [String]
    /// How far each node's wall clock is wrong.
    let clockOffsets: [String: Int64]
    let series: MapSeries
    let events: [Event]

    init(seed: UInt64, milliseconds: Int) {
        self.seed = seed
        self.milliseconds = milliseconds
        var random = SeededRandom.stream(1, of: seed)
        let nodeCount = random.number(3...5)
        nodes = (1...nodeCount).map { "n\($0)" }
        let keyCount = random.number(40...200)
        var largeRandom = SeededRandom.stream(5, of: seed)
        let large = largeRandom.chance(Large.share) ? Large(&largeRandom) : nil
        contents = large?.contents ?? Contents(keyCount: keyCount)
        callRateFactor = large == nil ? 1 : Large.callRateFactor
        serverOptions = large.map { ["--copy-rate", "\($0.copyBytesPerSecond)"] } ?? []
        let hasWrongClocks = random.chance(0.5)
        func offset() -> Int64 { hasWrongClocks ? Int64(random.number(-3000...3000)) : 0 }
        clockOffsets = Dictionary(uniqueKeysWithValues: nodes.map { ($0, offset()) })
        clients = (1...4).map { number in
            Client(
                name: "c\(number)",
                clockOffsetMilliseconds: offset(),
                latenessMilliseconds: number.isMultiple(of: 2) ? random.number(200...2500) : 0,
                writeLevel: [.all, .quorum, .quorum, random.chance(0.3) ? .one : .all][number - 1],
                readLevel: [.one, .quorum, .one, .quorum][number - 1]
            )
        }
        // A shard that has one owner is lost with it: then nodes are stopped only.
        let minReplicas = large?.replicas ?? (random.chance(0.15) ? 1 : 2)
        let series = MapSeries(
            nodes: nodes,
            shardCount: large == nil ? random.number(2...8) : 1,
            replicas: large?.replicas ?? random.number(minReplicas...3),
            minReplicas: minReplicas
        )
        let schedule = Schedule(
            nodes: nodes,
            clients: clients,
            milliseconds: milliseconds,
            kills: minReplicas > 1,
            // Shards that have no owner for a while.
            drops: random.chance(0.15),
            mapPause: large == nil ? 500...2500 : Large.mapPause,
            series: series,
            seed: seed
        )
        self.series = schedule.series
        events = schedule.events
    }

    /// How far the clocks of servers may be from the observer's, with room for a machine that is busy.
    var clockToleranceMilliseconds: UInt64 {
        UInt64(clockOffsets.values.map(abs).max() ?? 0) + 500
    }

    /// What was written to a shard that had no owner at some time is owed to nobody.
    var drops: [Drop] {
        let epochs = 1...UInt64(series.maps.count)
        return Set(epochs.flatMap(series.dropped)).sorted().map { Drop(shard: $0, span: Span(0, Span.never)) }
    }

    /// For people: everything that the seed decided.
    var lines: [String] {
        ["seed \(seed), \(milliseconds) ms, \(contents), server options \(serverOptions)"]
            + nodes.map { "\($0): clock \(clockOffsets[$0]!) ms" }
            + clients.map { client in
                "\(client.name): clock \(client.clockOffsetMilliseconds) ms, maps \(client.latenessMilliseconds) ms late, "
                    + "writes at \(client.writeLevel), reads at \(client.readLevel)"
            }
            + series.maps.enumerated().map { index, owners in
                "map \(index + 1): \(owners.map { $0.joined(separator: ",") }.joined(separator: " | "))"
            }
            + events.sorted { $0.at < $1.at }.map { "\($0.at) ms: \($0.fault)" }
    }
}
