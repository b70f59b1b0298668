import KVStorage
import KVWire
import Synchronization

/// Store and state of one shard on one node, in one word: a request always sees the two of one moment. The address of
/// the store, with the state in its lowest two bits; 0 = the node does not host the shard.
struct ShardWord: Hashable {
    let rawValue: UInt

    private static let stateMask: UInt = 3
    static let absent = ShardWord(rawValue: 0)

    init(rawValue: UInt) { self.rawValue = rawValue }

    /// Keeps no reference: whoever puts the word into a table owns one for it.
    init(_ store: ShardStore, _ state: ShardState) {
        let address = UInt(bitPattern: Unmanaged.passUnretained(store).toOpaque())
        precondition(address & Self.stateMask == 0, "objects are aligned to 16 bytes")
        rawValue = address | UInt(state.rawValue)
    }

    var storeAddress: UInt { rawValue & ~Self.stateMask }
    var isJoining: Bool { rawValue & Self.stateMask == UInt(ShardState.joining.rawValue) }
    var isLeaving: Bool { rawValue & Self.stateMask == UInt(ShardState.leaving.rawValue) }
    var state: ShardState { ShardState(rawValue: UInt32(rawValue & Self.stateMask)) ?? .absent }

    /// The store, not counted as used: call only while it can't be released (`Quiescence`).
    var store: Unmanaged<ShardStore>? {
        UnsafeRawPointer(bitPattern: storeAddress).map { Unmanaged.fromOpaque($0) }
    }
}

/// A word for each shard, by its number. Readers take no lock. Owned by a `Node`.
struct ShardTable: @unchecked Sendable {
    let shardCount: Int
    private let words: UnsafeMutablePointer<Atomic<UInt>>

    init(shardCount: Int) {
        self.shardCount = shardCount
        words = .allocate(capacity: shardCount)
        for index in 0..<shardCount { (words + index).initialize(to: Atomic(0)) }
    }

    func deallocate() {
        words.deinitialize(count: shardCount).deallocate()
    }

    /// Reads and writes are sequentially consistent, which `Quiescence` relies on.
    subscript(shard: Int) -> ShardWord {
        get { ShardWord(rawValue: words[shard - 1].load(ordering: .sequentiallyConsistent)) }
        nonmutating set { words[shard - 1].store(newValue.rawValue, ordering: .sequentiallyConsistent) }
    }
}
