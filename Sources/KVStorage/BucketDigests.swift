import CLinux
import Glibc
import KVCore
import Synchronization

/// For each bucket of a store (`BucketLayout`) a word, the XOR of a hash of each live record in it: replicas that hold the same
/// have the same words, and every change costs one or two of them. Stripes and buckets are chosen by different hashes, so
/// words belong to no stripe's lock: they are atomic.
///
/// A trivial reference in 8 bytes, for the stripes' cache lines: bits 63…56 logarithm of the buckets | 55…0 address.
struct BucketDigests {
    private let bits: UInt64

    /// Zeroed words, which cost no memory of the system before they are touched where they are many.
    init(_ layout: BucketLayout) {
        guard let address = calloc(layout.wordCount, MemoryLayout<UInt64>.stride) else {
            preconditionFailure("no memory for the digests of a shard")
        }
        bits = layout.bucketCountLog2 << 56 | UInt64(UInt(bitPattern: address))
    }

    func deallocate() { free(words) }

    @inline(__always)
    var layout: BucketLayout { BucketLayout(bucketCountLog2: bits >> 56) }

    @inline(__always)
    private var words: UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe UnsafeMutablePointer(bitPattern: UInt(bits & (1 << 56 - 1))).unsafelyUnwrapped
    }

    /// The words as they are, each at its own moment.
    func read() -> [UInt64] {
        (0..<layout.wordCount).map { words[$0].load(ordering: .relaxed) }
    }

    /// Starts loading the word of a record.
    @inline(__always)
    func prefetch(_ routingHash: UInt32, deadline: UInt64) {
        linux_prefetch(words + layout.bucket(routingHash, deadline: deadline))
    }

    /// A record has come to a key that had none. Only live ones count.
    @inline(__always)
    func insert(_ header: EntryHeader, _ routingHash: UInt32) {
        if header.isLive { toggle(bucket(header, routingHash), Self.element(header.version, routingHash)) }
    }

    /// A record has taken the place of another one of its key.
    @inline(__always)
    func replace(_ old: EntryHeader, with new: EntryHeader, _ routingHash: UInt32) {
        guard old.isLive && new.isLive else {
            // One of them is a marker, or both are.
            insert(old, routingHash)
            insert(new, routingHash)
            return
        }
        let element = Self.element(old.version, routingHash)
        let newElement = Self.element(new.version, routingHash)
        // Most overwrites stay in their bucket, and then it is one operation.
        if old.deadline == new.deadline { return toggle(bucket(old, routingHash), element ^ newElement) }
        toggle(bucket(old, routingHash), element)
        toggle(bucket(new, routingHash), newElement)
    }

    @inline(__always)
    func bucket(_ header: EntryHeader, _ routingHash: UInt32) -> Int {
        layout.bucket(routingHash, deadline: header.deadline)
    }

    /// Adds an element, or takes it out.
    @inline(__always)
    private func toggle(_ bucket: Int, _ element: UInt64) {
        words[bucket].bitwiseXor(element, ordering: .relaxed)
    }

    /// A version identifies one value of one key. The key counts too, in case one write gave several keys its version.
    @inline(__always)
    private static func element(_ version: Version, _ routingHash: UInt32) -> UInt64 {
        let key = UInt64(routingHash) &* 0x9E37_79B9_7F4A_7C15
        let folded = KeyHash.fold(version.time ^ key, version.writer ^ 0xA076_1D64_78BD_642F)
        return KeyHash.fold(folded ^ 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3)
    }
}
