internal import KVHistory
internal import KVSharding

/// What the callers of all clients do, one call after the other each.
final class SimulatedLoad {
    /// In milliseconds.
    static let shortLives: ClosedRange<UInt64> = 50...4000
    /// They end after the last check, counted from the end of the load.
    private static let longLives: ClosedRange<UInt64> = 300_000...400_000

    private let scenario: Scenario
    private let cluster: Cluster
    private let clients: [Client]
    private var random: SeededRandom
    private var isStopped = false
    private var lastValue = 0
    /// When the load ends, milliseconds since 1970.
    private var end: UInt64 = 0

    init(_ scenario: Scenario, _ cluster: Cluster, _ clients: [Client]) {
        self.scenario = scenario
        self.cluster = cluster
        self.clients = clients
        random = SeededRandom.stream(3, of: scenario.seed)
    }

    func start() {
        end = cluster.now + UInt64(scenario.milliseconds)
        for client in clients {
            // One that meets no server before its first write stamps by its own clock.
            if random.chance(0.7) { client.greet(scenario.nodes.randomElement(using: &random)!) }
            for _ in 0..<scenario.load.callersPerClient { next(client) }
        }
    }

    func stop() { isStopped = true }

    private func next(_ client: Client) {
        cluster.after(UInt64(random.number(1...scenario.load.pauseMilliseconds))) { [self] in
            if isStopped { return }
            call(client) { self.next(client) }
        }
    }

    private func call(_ client: Client, _ done: @escaping () -> Void) {
        let load = scenario.load
        let key = Array("key \(load.contents.key(&random))".utf8)
        let level = load.levels.randomElement(using: &random)!
        if random.chance(load.readShare) {
            return client.read(key, at: random.chance(0.3) ? .one : .quorum, done)
        }
        if random.chance(load.deleteShare) { return client.write(key, nil, at: level) { _ in done() } }
        lastValue += 1
        let life = random.chance(load.expiringShare) ? life() : 0
        let value = load.contents.value("\(client.name).\(lastValue)", &random)
        client.write(key, value, ttlMilliseconds: life, at: level) { _ in done() }
    }

    /// What ends soon after the load would be worth no repair when the copies are compared.
    private func life() -> UInt64 {
        let left = end - min(end, cluster.now)
        if random.chance(0.3) { return left + UInt64.random(in: Self.longLives, using: &random) }
        let shortest = Self.shortLives.upperBound
        if left > shortest, random.chance(0.3) { return UInt64.random(in: shortest...left, using: &random) }
        return UInt64.random(in: Self.shortLives, using: &random)
    }
}
