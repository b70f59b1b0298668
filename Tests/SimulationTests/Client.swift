import KVCore
import KVSharding
import KVWire

/// A client that writes unique values to all owners of its map, one write after the other, and remembers what was
/// acknowledged: by every owner of one map.
final class Client {
    struct Write: Hashable {
        var version: Version
        var value: [UInt8]
        var kind: RecordKind
    }

    let name: String
    private let cluster: Cluster
    private let keys: [[UInt8]]
    private var map: ShardMap
    private var epoch: UInt64
    private var counter: UInt16 = 0
    private let writer: UInt64
    private var isStopped = false
    private var views: [Int: View] = [:]
    /// The greatest acknowledged write of each key.
    private(set) var acknowledged: [[UInt8]: Write] = [:]
    private(set) var acknowledgedCount = 0

    private static let attemptMilliseconds: UInt64 = 250
    private static let deadlineMilliseconds: UInt64 = 2000

    init(_ name: String, cluster: Cluster, keys: [[UInt8]], map: ShardMap, epoch: UInt64 = 1) {
        self.name = name
        self.cluster = cluster
        self.keys = keys
        self.map = map
        self.epoch = epoch
        writer = cluster.random.next()
    }

    func deliver(_ map: ShardMap, epoch: UInt64) {
        if epoch <= self.epoch { return }
        self.map = map
        self.epoch = epoch
    }

    func start() {
        cluster.after(UInt64.random(in: 1...20, using: &cluster.random)) { self.writeNext() }
    }

    func stop() { isStopped = true }

    private func writeNext() {
        if isStopped { return }
        let key = keys.randomElement(using: &cluster.random)!
        counter &+= 1
        let version = Version(milliseconds: cluster.now, counter: counter, writer: writer)
        let kind = cluster.random.chance(0.2) ? RecordKind.deleted : .live
        let value = kind == .live ? Array("\(name) \(version.time)".utf8) : []
        attempt(key, Write(version: version, value: value, kind: kind), until: cluster.now + Self.deadlineMilliseconds)
    }

    /// All acknowledgements of an attempt come from one view; a retry begins anew with the same version.
    private func attempt(_ key: [UInt8], _ write: Write, until deadline: UInt64) {
        let shard = map.shard(ofKey: key)
        let view = views[shard]
        let owners = view?.members.map(\.node) ?? map.members(of: shard)
        let identifier = view.map(Self.identifier) ?? ViewIdentifier.unknown
        var waiting = owners.count
        var isComplete = true
        var hasLearned = false
        func done(_ owner: String, _ result: Result<MutationResponse, RPCError>) {
            switch result {
            case .success: break
            case .failure(let error):
                isComplete = false
                if let told = error.view, told.epoch > 0, learn(told, from: owner) { hasLearned = true }
            }
            waiting -= 1
            if waiting > 0 { return }
            if isComplete {
                acknowledge(key, write)
                start()
            } else if cluster.now < deadline {
                cluster.after(hasLearned ? 1 : 50) { self.attempt(key, write, until: deadline) }
            } else {
                start()
            }
        }
        for owner in owners {
            let timeout = Self.attemptMilliseconds
            if write.kind == .live {
                let request = SetRequest(key: key, value: write.value, view: identifier, version: write.version)
                cluster.send(request, to: owner, timeoutMilliseconds: timeout) { done(owner, $0) }
            } else {
                let request = DeleteRequest(key: key, view: identifier, version: write.version)
                cluster.send(request, to: owner, timeoutMilliseconds: timeout) { done(owner, $0) }
            }
        }
        if owners.isEmpty { cluster.after(50) { self.writeNext() } }
    }

    private static func identifier(_ view: View) -> UInt64 {
        ViewIdentifier.hash(epoch: view.epoch, members: view.members.map { ($0.node, $0.incarnation) })
    }

    /// - Returns: whether it was news.
    private func learn(_ told: View, from owner: String) -> Bool {
        guard var known = views[told.shard], known.epoch >= told.epoch else {
            views[told.shard] = told
            return true
        }
        if known.epoch > told.epoch {
            cluster.send(known, to: owner, timeoutMilliseconds: Self.attemptMilliseconds) { _ in }
            return false
        }
        for index in known.members.indices {
            let told = told.members.first { $0.node == known.members[index].node }
            known.members[index].incarnation = max(known.members[index].incarnation, told?.incarnation ?? 0)
        }
        defer { views[told.shard] = known }
        return views[told.shard] != known
    }

    private func acknowledge(_ key: [UInt8], _ write: Write) {
        acknowledgedCount += 1
        if let known = acknowledged[key], known.version > write.version { return }
        acknowledged[key] = write
    }
}
