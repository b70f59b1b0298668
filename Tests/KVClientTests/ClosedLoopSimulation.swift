import KVClient

/// Servers of different speed that answer one request after the other, and callers who send the next read when one was answered, on a
/// clock of its own. The balancer, what it knows of the nodes, and their ejection are the real ones.
struct ClosedLoopSimulation {
    private struct Attempt {
        let end: UInt64
        let began: UInt64
        let node: Int
        /// Whom the call asks next if it is not answered, in this order.
        let rest: [Int]
        let isAnswered: Bool
    }

    private static let attemptMicroseconds: UInt64 = 250_000

    private let service: [UInt64]
    private let table = NodeTable()
    private let route: Route
    private var freeAt: [UInt64]
    /// The one that ends first is last.
    private var attempts: [Attempt] = []
    private var now: UInt64 = 1

    /// - Parameter service: how long each server takes for a read, in microseconds.
    init(service: [UInt64], callers: Int) {
        self.service = service
        route = Route(shard: 1, members: service.indices.map(String.init), view: 0, nodes: table)
        freeAt = service.map { _ in 0 }
        for _ in 0..<callers { call() }
    }

    /// - Returns: how many reads each server answered in the meantime.
    mutating func run(seconds: Double) -> [Int] {
        var counts = service.map { _ in 0 }
        let end = now + UInt64(seconds * 1e6)
        while let attempt = attempts.last, attempt.end < end {
            attempts.removeLast()
            now = attempt.end
            let node = route.nodes[attempt.node]
            if attempt.isAnswered {
                node.answered(began: attempt.began, now: now)
                table.answered(node, now: now)
                counts[attempt.node] += 1
                call()
            } else {
                node.ended(waited: now - attempt.began, now: now)
                table.failed(node, isSilence: true, now: now)
                ask(attempt.rest)
            }
        }
        now = end
        return counts
    }

    private mutating func call() {
        let (well, ejected) = table.split(route.nodes, now: now) ?? (route.nodes, [])
        let first = LeastCostBalancer().first(of: well, route: route, now: now)
        ask((Array(well[first...] + well[..<first]) + ejected).map { Int($0.name)! })
    }

    private mutating func ask(_ nodes: [Int]) {
        let node = nodes[0]
        route.nodes[node].began()
        freeAt[node] = max(freeAt[node], now) + service[node]
        let latest = nodes.count > 1 ? now + Self.attemptMicroseconds : .max
        let attempt = Attempt(
            end: min(freeAt[node], latest),
            began: now,
            node: node,
            rest: Array(nodes.dropFirst()),
            isAnswered: freeAt[node] <= latest
        )
        var (low, high) = (0, attempts.count)
        while low < high {
            let middle = (low + high) / 2
            if attempts[middle].end > attempt.end { low = middle + 1 } else { high = middle }
        }
        attempts.insert(attempt, at: low)
    }
}
