internal import KVHistory
internal import KVService
internal import KVSharding
internal import KVWire

/// Does to a cluster what its scenario says, until it is stopped; counts it by kind.
final class Faults {
    private let cluster: Cluster
    private let clients: [Client]
    private(set) var scenario: Scenario
    private(set) var counts: [String: Int] = [:]
    private var random: SeededRandom
    private var isStopped = false
    /// A process is down, or has not recovered yet.
    private var isRecovering = false

    init(_ scenario: Scenario, _ cluster: Cluster, _ clients: [Client]) {
        self.scenario = scenario
        self.cluster = cluster
        self.clients = clients
        random = SeededRandom.stream(2, of: scenario.seed)
    }

    func start() {
        let rates = scenario.rates
        for (pause, act) in [
            (rates.crash, crash), (rates.hang, hang), (rates.cut, cut), (rates.slow, slow), (rates.map, changeMap),
        ] {
            if let pause { plan(pause, act) }
        }
    }

    /// Everything is well again, and everybody has the last map.
    func heal() {
        isStopped = true
        cluster.log("all is mended")
        cluster.mendAll()
        let epoch = UInt64(scenario.series.maps.count)
        let map = scenario.map(epoch)
        for name in scenario.nodes {
            if cluster.processes[name] == nil { cluster.start(name) }
            cluster.resume(name)
            cluster.deliver(map, epoch: epoch, to: name)
        }
        for client in clients { client.follow(map, epoch: epoch) }
    }

    private func plan(_ pause: ClosedRange<Int>, _ act: @escaping () -> Void) {
        cluster.after(UInt64(random.number(pause))) { [self] in
            if isStopped { return }
            act()
            plan(pause, act)
        }
    }

    /// How long a fault lasts.
    private func duration() -> UInt64 {
        if scenario.hasLongFaults && random.chance(0.3) { return 60_000 }
        let pace = random.number(1...scenario.pace)
        return UInt64((random.chance(0.7) ? random.number(20...800) : random.number(800...4000)) * pace)
    }

    private func happened(_ kind: String) { counts[kind, default: 0] += 1 }

    private func later(_ milliseconds: UInt64, _ body: @escaping () -> Void) {
        cluster.after(milliseconds) { [self] in
            if !isStopped { body() }
        }
    }

    // MARK: Processes

    private func crash() {
        let up = scenario.nodes.filter { cluster.processes[$0] != nil }
        guard let name = up.randomElement(using: &random) else { return }
        if scenario.mode == .promises {
            if isRecovering && !hasRecovered || scenario.isAlone(name) { return }
            isRecovering = true
        }
        happened("crash")
        cluster.crash(name)
        later(duration()) { [self] in
            guard cluster.processes[name] == nil else { return }
            happened("restart")
            // Its file may be an old one still.
            let newest = cluster.fileEpoch(name)
            let epoch = random.chance(0.2) ? UInt64(random.number(1...Int(newest))) : newest
            cluster.start(name, scenario.map(epoch), epoch: epoch)
            if epoch < newest { later(duration()) { self.deliver(newest, to: name) } }
        }
    }

    /// Every process is up, and every shard's newest view is served by all of its members: the next one may crash.
    private var hasRecovered: Bool {
        guard scenario.nodes.allSatisfy({ cluster.processes[$0] != nil }) else { return false }
        return (1...scenario.shardCount).allSatisfy { shard in
            let views = scenario.nodes.compactMap { cluster.processes[$0]?.node.servedView(of: shard) }
            guard let newest = views.max(by: { $0.epoch < $1.epoch }) else { return false }
            return newest.members.allSatisfy { member in
                cluster.processes[member.node]?.node.servedView(of: shard)?.epoch == newest.epoch
            }
        }
    }

    private func hang() {
        let running = scenario.nodes.filter { cluster.processes[$0]?.isHung == false }
        guard let name = running.randomElement(using: &random) else { return }
        happened("hang")
        cluster.hang(name)
        later(duration()) { self.cluster.resume(name) }
    }

    // MARK: Links

    private func links() -> [Link] {
        let all = scenario.nodes + scenario.clients
        let one = scenario.nodes.randomElement(using: &random)!
        // One of them, or all of a node, in one direction or both.
        let others =
            random.chance(0.6) ? [all.filter { $0 != one }.randomElement(using: &random)!] : all.filter { $0 != one }
        let (isTo, isFrom) = random.chance(0.5) ? (true, true) : random.chance(0.5) ? (true, false) : (false, true)
        return others.flatMap { other in (isTo ? [Link(other, one)] : []) + (isFrom ? [Link(one, other)] : []) }
    }

    private func cut() {
        let links = links()
        let holds = random.chance(0.5)
        happened("cut")
        cluster.log("cut \(links.map { "\($0.from)>\($0.to)" }.joined(separator: " "))\(holds ? ", held" : "")")
        for link in links { cluster.cut(link, holds: holds) }
        later(duration()) { [self] in
            cluster.log("mended \(links.map { "\($0.from)>\($0.to)" }.joined(separator: " "))")
            for link in links { cluster.mend(link) }
        }
    }

    private func slow() {
        let links = links()
        happened("slow")
        let delay = UInt64(random.number(50...600))
        for link in links { cluster.network.slow[link] = delay / 2...delay }
        later(duration()) { [self] in
            for link in links { cluster.network.slow[link] = nil }
        }
    }

    // MARK: Maps

    private func changeMap() {
        let epoch = scenario.change(&random)
        happened("map")
        cluster.log("map \(epoch): \(scenario.describe(epoch))")
        for shard in scenario.series.dropped(at: epoch) {
            happened("drop")
            cluster.drops(shard, epoch: epoch)
        }
        let spread = [0, 300, 2500].randomElement(using: &random)!
        for name in scenario.nodes where !random.chance(0.2) {
            later(UInt64(random.number(0...spread))) { self.deliver(epoch, to: name) }
        }
        let map = scenario.map(epoch)
        for client in clients where !random.chance(0.2) {
            later(UInt64(random.number(0...spread))) { client.follow(map, epoch: epoch) }
        }
    }

    private func deliver(_ epoch: UInt64, to name: String) {
        cluster.deliver(scenario.map(epoch), epoch: epoch, to: name)
    }
}
