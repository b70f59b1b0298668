package import KVCore
package import KVStorage
import KVSharding
import KVWire
import Synchronization

/// One server of the cluster without its sockets: the shards that it hosts and all that it answers.
///
/// Requests come in through handlers, one for each thread (`makeHandler`). What a shard does, and when it comes and goes, is
/// decided by the node's `HandoverCoordinator`; requests only read the outcome, a word in `table`.
///
/// A request's `view` is reserved: any is accepted. So a client that routes by an old map is not turned away by an owner
/// that is in the old map and in the new one: its write can reach the owners of the old map only.
package final class Node: Sendable {
    package let name: String
    package let limits: Limits
    package let pool: MemoryPool
    /// How many shards the map has, which never changes.
    package let shardCount: Int
    package let serverVersion: String
    /// A random number of this life of the process: page tokens of an earlier one are refused.
    let incarnation: UInt64
    let startedAt: UInt64

    let table: ShardTable
    let quiescence = Quiescence()
    let condition = Mutex(Condition())
    let report: @Sendable (HandoverEvent) -> Void
    private let handlerCount = Atomic<Int>(0)
    let handover: Mutex<Handover>
    let epoch = Atomic<UInt64>(0)
    private let redirects = Mutex(Redirects())
    private let generations = Mutex<[Int: UInt64]>([:])

    /// What the node knows of other places for its shards.
    private struct Redirects {
        var views: [Int: View] = [:]
        var map: ShardMap?
    }

    /// What the roof knows of the node, for its status.
    struct Condition {
        var mapError = ""
        var isDraining = false
    }

    /// A node that hosts nothing until its first map (`mapChanged`).
    /// - Parameters:
    ///   - incarnation: random, different in each life of the process.
    ///   - now: milliseconds since 1970.
    ///   - report: told what an operator may want to know; called by any thread that works for the node.
    package init(
        name: String,
        shardCount: Int,
        limits: Limits,
        pool: MemoryPool,
        serverVersion: String,
        incarnation: UInt64,
        now: UInt64,
        report: @escaping @Sendable (HandoverEvent) -> Void = { _ in }
    ) {
        self.name = name
        self.limits = limits
        self.pool = pool
        self.shardCount = shardCount
        self.serverVersion = serverVersion
        self.incarnation = incarnation
        startedAt = now
        self.report = report
        handover = Mutex(Handover(coordinator: HandoverCoordinator(node: name)))
        table = ShardTable(shardCount: shardCount)
    }

    deinit {
        for shard in 1...shardCount { table[shard].store?.release() }
        table.deallocate()
    }

    /// A handler for one thread; the thread calls its `maintain`, which does that thread's share of the background work.
    package func makeHandler() -> NodeHandler {
        let index = handlerCount.add(1, ordering: .relaxed).oldValue
        return NodeHandler(node: self, index: index)
    }

    /// How many threads share the background work.
    var maintainers: Int { max(1, handlerCount.load(ordering: .relaxed)) }

    func isShard(_ number: Int) -> Bool { number >= 1 && number <= shardCount }

    /// Where requests are sent that this node does not answer for a shard; nil = it knows no better place.
    func redirect(of shard: Int) -> View? {
        redirects.withLock { redirects in
            if let view = redirects.views[shard] { return view }
            guard let map = redirects.map, isShard(shard) else { return nil }
            let members = map.members(of: shard).compactMap { name -> View.Member? in
                guard name != self.name, let address = map.nodes[name] else { return nil }
                return View.Member(node: name, address: address.host, port: UInt16(address.port))
            }
            return members.isEmpty ? nil : View(shard: shard, epoch: mapEpoch, members: members)
        }
    }

    func setRedirect(of shard: Int, _ view: View?) { redirects.withLock { $0.views[shard] = view } }

    func setRedirects(by map: ShardMap) { redirects.withLock { $0.map = map } }

    /// Counts the stores that a shard has had, so that a place in one of them is not taken for one in another.
    func generation(of shard: Int) -> UInt64 { generations.withLock { $0[shard, default: 0] } }

    func advanceGeneration(of shard: Int) { generations.withLock { $0[shard, default: 0] += 1 } }
}
