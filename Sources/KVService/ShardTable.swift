import KVStorage
import KVWire
import Synchronization

/// Store and access of one shard on one node, in one word: a request always sees the two of one moment. The address of
/// the store, with the access in its lowest two bits; 0 = the node does not host the shard.
struct ShardWord: Hashable {
    let rawValue: UInt

    private static let accessMask: UInt = 3
    static let absent = ShardWord(rawValue: 0)

    init(rawValue: UInt) { self.rawValue = rawValue }

    /// Keeps no reference: whoever puts the word into a table owns one for it.
    init(_ store: ShardStore, _ access: ShardAccess) {
        let address = UInt(bitPattern: Unmanaged.passUnretained(store).toOpaque())
        precondition(address & Self.accessMask == 0, "objects are aligned to 16 bytes")
        rawValue = address | access.rawValue
    }

    var storeAddress: UInt { rawValue & ~Self.accessMask }
    var isOpen: Bool { rawValue & Self.accessMask == ShardAccess.open.rawValue }
    var isReadOnly: Bool { rawValue & Self.accessMask == ShardAccess.readOnly.rawValue }
    var access: ShardAccess { ShardAccess(rawValue: rawValue & Self.accessMask) ?? .absent }

    /// The store, not counted as used: call only while it can't be released (`Quiescence`).
    var store: Unmanaged<ShardStore>? {
        UnsafeRawPointer(bitPattern: storeAddress).map { Unmanaged.fromOpaque($0) }
    }
}

/// Two words for each shard, by its number: store and access, and the identifier of the view that is served. Readers take no
/// lock. Owned by a `Node`.
struct ShardTable: @unchecked Sendable {
    private struct Entry: ~Copyable {
        let word = Atomic<UInt>(0)
        let view = Atomic<UInt64>(0)
    }

    let shardCount: Int
    private let entries: UnsafeMutablePointer<Entry>

    init(shardCount: Int) {
        self.shardCount = shardCount
        entries = .allocate(capacity: shardCount)
        for index in 0..<shardCount { (entries + index).initialize(to: Entry()) }
    }

    func deallocate() {
        entries.deinitialize(count: shardCount).deallocate()
    }

    /// Reads and writes are sequentially consistent, which `Quiescence` relies on.
    subscript(shard: Int) -> ShardWord {
        get { ShardWord(rawValue: entries[shard - 1].word.load(ordering: .sequentiallyConsistent)) }
        nonmutating set { entries[shard - 1].word.store(newValue.rawValue, ordering: .sequentiallyConsistent) }
    }

    /// The identifier of the view that is served. What a request sees of it under a stripe's lock holds until the lock is let go,
    /// as whoever changes it passes through every lock afterwards.
    func view(of shard: Int) -> UInt64 { entries[shard - 1].view.load(ordering: .relaxed) }

    func setView(of shard: Int, _ view: UInt64) { entries[shard - 1].view.store(view, ordering: .relaxed) }
}
