internal import KVHistory
internal import KVSharding

/// What is done to the cluster.
enum Fault: CustomStringConvertible {
    case kill(node: String, downMilliseconds: Int)
    case stop(node: String, milliseconds: Int)
    /// Nothing passes from the one to the other; what was sent is delivered late, or its connection is lost.
    case cut(links: [LinkName], directions: [Direction], milliseconds: Int, resets: Bool)
    case delay(links: [LinkName], byMilliseconds: Int, milliseconds: Int)
    /// Who is to see a map, and how long after.
    case map(epoch: UInt64, delays: [String: Int])

    var kind: String {
        switch self {
        case .kill: "kill"
        case .stop: "stop"
        case .cut: "cut"
        case .delay: "delay"
        case .map: "map"
        }
    }

    var description: String {
        switch self {
        case .kill(let node, let down): "kill \(node), restart after \(down) ms"
        case .stop(let node, let milliseconds): "stop \(node) for \(milliseconds) ms"
        case .cut(let links, let directions, let milliseconds, let resets):
            "cut \(Self.list(links)) \(directions.map(\.rawValue).joined(separator: "+")) for \(milliseconds) ms"
                + (resets ? ", then reset" : "")
        case .delay(let links, let by, let milliseconds): "delay \(Self.list(links)) by \(by) ms for \(milliseconds) ms"
        case .map(let epoch, let delays):
            "map \(epoch): "
                + delays.sorted { $0.key < $1.key }.map { "\($0.key) +\($0.value) ms" }.joined(separator: ", ")
        }
    }

    private static func list(_ links: [LinkName]) -> String { links.map(\.description).joined(separator: ", ") }
}

/// Who connects to whom.
struct LinkName: Hashable, Sendable, CustomStringConvertible {
    var source: String
    var destination: String

    var description: String { "\(source)→\(destination)" }
}

enum Direction: String, Sendable, CaseIterable {
    /// From who connected.
    case requests
    case answers
}

/// Faults of one lane wait for each other: a crash for the recovery from the last one, so that there is one at a time.
enum Lane: CaseIterable {
    case crashes
    case links
    case maps
}

struct Event {
    var at: Int
    var lane: Lane
    var fault: Fault
}

/// Draws up what happens when. Each lane has random numbers of its own.
struct Schedule {
    private let nodes: [String]
    private let clients: [Scenario.Client]
    private let milliseconds: Int
    private let changes: [MapSeries.Change]
    private(set) var series: MapSeries
    private(set) var events: [Event] = []

    init(
        nodes: [String],
        clients: [Scenario.Client],
        milliseconds: Int,
        kills: Bool,
        drops: Bool,
        mapPause: ClosedRange<Int>,
        series: MapSeries,
        seed: UInt64
    ) {
        self.nodes = nodes
        self.clients = clients
        self.milliseconds = milliseconds
        changes = drops ? MapSeries.Change.allCases : MapSeries.Change.ofOwned
        self.series = series
        var random = SeededRandom.stream(2, of: seed)
        for at in times(every: 1500...4000, &random) {
            events.append(Event(at: at, lane: .crashes, fault: crash(kills: kills, &random)))
        }
        random = SeededRandom.stream(3, of: seed)
        for at in times(every: 800...2500, &random) {
            events.append(Event(at: at, lane: .links, fault: link(&random)))
        }
        random = SeededRandom.stream(4, of: seed)
        for at in times(every: mapPause, &random) {
            events.append(Event(at: at, lane: .maps, fault: map(&random)))
        }
    }

    private func times(every pause: ClosedRange<Int>, _ random: inout SeededRandom) -> [Int] {
        var times: [Int] = []
        var at = random.number(200...pause.upperBound)
        while at < milliseconds {
            times.append(at)
            at += random.number(pause)
        }
        return times
    }

    private func crash(kills: Bool, _ random: inout SeededRandom) -> Fault {
        let node = nodes.randomElement(using: &random)!
        let isKill = random.chance(0.65)
        let milliseconds = random.number(100...2500)
        return kills && isKill
            ? .kill(node: node, downMilliseconds: milliseconds) : .stop(node: node, milliseconds: milliseconds)
    }

    /// One node from all others, one link, or all that one process connects to.
    private func link(_ random: inout SeededRandom) -> Fault {
        let sources = nodes + clients.map(\.name)
        let node = nodes.randomElement(using: &random)!
        let source = sources.filter { $0 != node }.randomElement(using: &random)!
        let links =
            switch random.number(0...3) {
            case 0: nodes.filter { $0 != node }.flatMap { [LinkName($0, node), LinkName(node, $0)] }
            case 1: sources.filter { $0 != node }.map { LinkName($0, node) }
            default: [LinkName(source, node)]
            }
        let milliseconds = random.number(100...2500)
        if random.chance(0.3) {
            return .delay(links: links, byMilliseconds: random.number(5...150), milliseconds: milliseconds)
        }
        let directions = [Direction.allCases, [.requests], [.answers]].randomElement(using: &random)!
        return .cut(links: links, directions: directions, milliseconds: milliseconds, resets: random.chance(0.5))
    }

    private mutating func map(_ random: inout SeededRandom) -> Fault {
        series.append(changes.randomElement(using: &random)!, &random)
        var delays: [String: Int] = [:]
        for name in nodes where !random.chance(0.15) { delays[name] = Self.delay(&random) }
        for client in clients where !random.chance(0.2) {
            delays[client.name] = Self.delay(&random) + client.latenessMilliseconds
        }
        return .map(epoch: UInt64(series.maps.count), delays: delays)
    }

    private static func delay(_ random: inout SeededRandom) -> Int {
        random.chance(0.7) ? random.number(0...100) : random.number(100...1500)
    }
}

extension LinkName {
    init(_ source: String, _ destination: String) {
        self.init(source: source, destination: destination)
    }
}
