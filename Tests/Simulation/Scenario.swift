package import KVHistory
package import KVService
package import KVSharding

/// What a history is about: all of it follows from the seed. Each history draws rates of its own, many of them zero, so that what
/// only happens where something else does not is found too.
package struct Scenario: Sendable {
    package enum Mode: String, Sendable, CaseIterable {
        /// At most one replica of a shard is down or recovering at a time: nothing acknowledged may be lost.
        case promises
        /// Any number of processes crash: acknowledged writes may be lost, but the cluster serves again, and its replicas are equal.
        case crashes
    }

    package struct Rates: Sendable {
        /// Milliseconds between two faults of a kind; nil = there are none.
        package var crash: ClosedRange<Int>?
        package var hang: ClosedRange<Int>?
        package var cut: ClosedRange<Int>?
        package var slow: ClosedRange<Int>?
        package var map: ClosedRange<Int>?
    }

    /// One caller's habits.
    package struct Load: Sendable {
        package var clients: Int
        package var callersPerClient: Int
        package var pauseMilliseconds: Int
        package var contents: Contents
        package var readShare: Double
        package var deleteShare: Double
        package var expiringShare: Double
        package var levels: [Level]
    }

    package let seed: UInt64
    package let mode: Mode
    package internal(set) var milliseconds: Int
    /// How many times slower than in most histories all that goes on is: in some, what takes minutes happens.
    package let pace: Int
    package let nodes: [String]
    package internal(set) var load: Load
    package internal(set) var rates: Rates
    package internal(set) var network: Network.Conditions
    /// How far clocks of nodes and clients are wrong.
    package let clockOffsets: [String: Int64]
    /// Whether the maps number themselves.
    package let mapsHaveEpochs: Bool
    /// A fault may last until the history's end.
    package let hasLongFaults: Bool
    /// Shards may be mapped to no node.
    package let hasDrops: Bool
    package internal(set) var series: MapSeries
    /// How much a page of a copy may bring, and how many changes an owner keeps; nil = what is usual.
    package internal(set) var copyPageBytes: ClosedRange<Int>?
    package internal(set) var recordedChangesMax: Int?
    package var ablations: Set<ReplicationCoordinator.Ablation> = []

    package init(seed: UInt64, mode: Mode) {
        self.seed = seed
        self.mode = mode
        var random = SeededRandom.stream(1, of: seed)
        pace = random.chance(0.05) ? random.number(4...16) : 1
        milliseconds = pace > 1 ? random.number(60_000...240_000) : random.number(2000...10_000)
        nodes = (1...random.number(2...5)).map { "n\($0)" }
        load = Load(
            clients: random.number(2...3),
            callersPerClient: random.number(1...3),
            pauseMilliseconds: random.number(5...150) * pace,
            contents: Contents(keyCount: random.number(2...12)),
            readShare: random.chance(0.8) ? 0.4 : 0.05,
            deleteShare: random.chance(0.7) ? 0.2 : 0,
            expiringShare: random.chance(0.5) ? 0.2 : 0,
            levels: random.chance(0.3) ? Level.allCases : random.chance(0.5) ? [.quorum, .all] : [.quorum]
        )
        let minReplicas = random.chance(0.25) ? 1 : 2
        series = MapSeries(
            nodes: nodes,
            shardCount: random.number(1...3),
            replicas: min(nodes.count, random.number(minReplicas...3)),
            minReplicas: minReplicas
        )
        let pace = pace
        func pause(_ chance: Double, _ range: ClosedRange<Int>) -> ClosedRange<Int>? {
            guard random.chance(chance) else { return nil }
            let mean = random.number(range) * pace
            return mean / 4...2 * mean
        }
        rates = Rates(
            crash: mode == .crashes || minReplicas > 1 ? pause(0.7, 600...4000) : nil,
            hang: pause(0.4, 600...4000),
            cut: pause(0.5, 300...3000),
            slow: pause(0.3, 500...3000),
            map: pause(0.8, 150...4000)
        )
        network = Network.Conditions(
            delayMilliseconds: 1...UInt64(random.chance(0.7) ? 20 : random.number(20...250)),
            lossProbability: random.chance(0.4) ? Double.random(in: 0.005...0.1, using: &random) : 0,
            duplicationProbability: random.chance(0.3) ? 0.05 : 0
        )
        var clockOffsets: [String: Int64] = [:]
        if random.chance(0.4) {
            for name in nodes { clockOffsets[name] = Int64(random.number(-2000...2000)) }
            for number in 1...load.clients { clockOffsets["c\(number)"] = Int64(random.number(-5000...5000)) }
        }
        self.clockOffsets = clockOffsets
        mapsHaveEpochs = random.chance(0.5)
        hasLongFaults = random.chance(0.1)
        hasDrops = random.chance(0.15)
        // In every second history all that is copied comes in pages of a few records, where a shard's many pages take no longer than repairs may.
        if seed.isMultiple(of: 2), network.delayMilliseconds.upperBound <= 25 { copyPageBytes = 64...256 }
        var largeRandom = SeededRandom.stream(4, of: seed)
        if mode == .promises, pace == 1, largeRandom.chance(Self.largeShare) { enlarge(&largeRandom) }
    }

    package var clients: [String] { (1...load.clients).map { "c\($0)" } }
    package var shardCount: Int { series.maps[0].count }
    package var firstMap: ShardMap { map(1) }

    /// Adds a map to the series.
    package mutating func change(_ random: inout SeededRandom) -> UInt64 {
        let changes = hasDrops ? MapSeries.Change.allCases : MapSeries.Change.ofOwned
        series.append(changes.randomElement(using: &random)!, &random)
        return UInt64(series.maps.count)
    }

    package func map(_ epoch: UInt64) -> ShardMap {
        let addresses = nodes.enumerated().map { ($1, NodeAddress(host: "127.0.0.1", port: 9000 + $0)) }
        let owners = series.owners(at: epoch)
        do throws(ShardMapError) {
            return try ShardMap(
                epoch: mapsHaveEpochs ? epoch : nil,
                numShards: owners.count,
                nodes: Dictionary(uniqueKeysWithValues: addresses),
                members: Dictionary(uniqueKeysWithValues: owners.enumerated().map { ($0.offset + 1, $0.element) })
            )
        } catch { preconditionFailure("a series has valid maps: \(error)") }
    }

    /// A node that alone owns a shard by one of the maps: what it has is lost with it.
    package func isAlone(_ node: String) -> Bool { series.maps.contains { $0.contains([node]) } }

    /// How far a server's clock may be from the observer's, and a client's stamp from the servers' clocks.
    package var clockToleranceMilliseconds: UInt64 {
        UInt64(clockOffsets.values.map(abs).max() ?? 0) + 2 * network.delayMilliseconds.upperBound
    }

    /// For people: everything that was drawn before the start.
    package var lines: [String] {
        [
            "seed \(seed), mode \(mode), \(milliseconds) ms, pace \(pace), \(nodes.count) nodes, \(shardCount) shards",
            "\(load)", "\(rates)", "\(network)",
            "copyPageBytes \(copyPageBytes.map { "\($0)" } ?? "as usual"), "
                + "recordedChangesMax \(recordedChangesMax.map(String.init) ?? "as usual")",
            "clocks \(clockOffsets.sorted { $0.key < $1.key })",
            "map 1: \(describe(1))",
        ]
    }

    package func describe(_ epoch: UInt64) -> String {
        series.owners(at: epoch).map { $0.joined(separator: ",") }.joined(separator: " | ")
    }
}
