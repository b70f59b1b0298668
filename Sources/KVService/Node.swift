package import KVCore
package import KVStorage
import KVSharding
import KVWire
import Synchronization

/// One server of the cluster without its sockets: the shards that it hosts and all that it answers.
///
/// Requests come in through handlers, one for each thread (`makeHandler`). What a shard does, and when it comes and goes, is
/// decided by the node's `ReplicationCoordinator`; requests only read the outcome, two words in `table`.
package final class Node: Sendable {
    package let name: String
    package let limits: Limits
    package let pool: MemoryPool
    /// How many shards the map has, which never changes.
    package let shardCount: Int
    /// Of each store's digests.
    let bucketCount: Int
    package let serverVersion: String
    /// A number of this life of the process, above those of earlier ones: what they knew is forgotten.
    let incarnation: UInt64
    let startedAt: UInt64

    let table: ShardTable
    let quiescence = Quiescence()
    let condition = Mutex(Condition())
    let report: @Sendable (ReplicationEvent) -> Void
    let clock = ClusterClock()
    let policy: ReplicationCoordinator.Policy
    private let handlerCount = Atomic<Int>(0)
    let replication: Mutex<Replication>
    let epoch = Atomic<UInt64>(0)
    private let redirects = Mutex<[Int: View]>([:])
    private let generations = Mutex<[Int: UInt64]>([:])

    /// What the roof knows of the node, for its status.
    struct Condition {
        var mapError = ""
        var isDraining = false
    }

    /// A node that hosts nothing until its first map (`mapChanged`).
    /// - Parameters:
    ///   - incarnation: greater in each life of the process.
    ///   - bucketCount: of each store's digests, the same on all nodes; nil = what suits the number of shards.
    ///   - now: milliseconds since 1970.
    ///   - report: told what an operator may want to know; called by any thread that works for the node.
    package init(
        name: String,
        shardCount: Int,
        limits: Limits,
        pool: MemoryPool,
        serverVersion: String,
        incarnation: UInt64,
        policy: ReplicationCoordinator.Policy = ReplicationCoordinator.Policy(),
        bucketCount: Int? = nil,
        now: UInt64,
        report: @escaping @Sendable (ReplicationEvent) -> Void = { _ in }
    ) {
        self.name = name
        self.limits = limits
        self.pool = pool
        self.shardCount = shardCount
        self.bucketCount = bucketCount ?? BucketLayout.bucketCount(shardCount: shardCount)
        self.serverVersion = serverVersion
        self.incarnation = incarnation
        startedAt = now
        self.report = report
        self.policy = policy
        replication = Mutex(
            Replication(
                coordinator: ReplicationCoordinator(node: name, incarnation: incarnation, policy: policy),
                pacer: CopyPacer(bytesPerSecond: policy.copyBytesPerSecond)
            )
        )
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

    /// Where requests are sent that this node does not answer for a shard: the owners that it knows. Epoch 0: what its map wants.
    func redirect(of shard: Int) -> View? { redirects.withLock { $0[shard] } }

    func setRedirect(of shard: Int, _ view: View) { redirects.withLock { $0[shard] = view } }

    /// Counts the stores that a shard has had, so that a place in one of them is not taken for one in another.
    func generation(of shard: Int) -> UInt64 { generations.withLock { $0[shard, default: 0] } }

    func advanceGeneration(of shard: Int) { generations.withLock { $0[shard, default: 0] += 1 } }
}
