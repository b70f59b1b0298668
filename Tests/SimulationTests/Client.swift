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

    /// All acknowledgements of an attempt come from the owners of one map; a retry begins anew with the same version.
    private func attempt(_ key: [UInt8], _ write: Write, until deadline: UInt64) {
        let owners = map.members(of: map.shard(ofKey: key))
        var waiting = owners.count
        var isComplete = true
        func done(_ isAcknowledged: Bool) {
            if !isAcknowledged { isComplete = false }
            waiting -= 1
            if waiting > 0 { return }
            if isComplete {
                acknowledge(key, write)
                start()
            } else if cluster.now < deadline {
                cluster.after(50) { self.attempt(key, write, until: deadline) }
            } else {
                start()
            }
        }
        for owner in owners {
            let timeout = Self.attemptMilliseconds
            if write.kind == .live {
                let request = SetRequest(key: key, value: write.value, version: write.version)
                cluster.send(request, to: owner, timeoutMilliseconds: timeout) { done((try? $0.get()) != nil) }
            } else {
                let request = DeleteRequest(key: key, version: write.version)
                cluster.send(request, to: owner, timeoutMilliseconds: timeout) { done((try? $0.get()) != nil) }
            }
        }
    }

    private func acknowledge(_ key: [UInt8], _ write: Write) {
        acknowledgedCount += 1
        if let known = acknowledged[key], known.version > write.version { return }
        acknowledged[key] = write
    }
}
