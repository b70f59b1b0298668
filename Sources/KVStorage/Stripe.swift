public import CLinux
import KVCore

/// What a stripe keeps: lock, directory, counters and the way to the digests in one cache line.
@usableFromInline
struct StripeState: ~Copyable {
    @usableFromInline let lock = SpinLock()
    /// The directory has 2^`directoryDepth` references, chosen by the leading bits of the hash.
    @usableFromInline var directoryDepth: UInt32 = 0
    @usableFromInline var directory: UnsafeMutablePointer<SegmentReference>
    let allocator: Allocator
    /// The store's, which all its stripes share.
    let digests: BucketDigests
    var liveCount: Int32 = 0
    var markerCount: Int32 = 0
    /// Key and value bytes of the live records.
    var liveBytes = 0
    /// What changed lately, while that is recorded.
    var changes: UnsafeMutablePointer<StripeChanges>?

    /// One cache line. Its last word is the directory of depth 0: a small table needs no memory but that and one segment.
    @inlinable static var bytes: Int { 64 }
    static let onlyReferenceOffset = 56
}

/// One of a store's tables, an extendible hash table: a directory of segments. Splitting a full segment moves only its own
/// records, so that no insert waits for a whole table to be rehashed.
///
/// A trivial reference: use it only while its store lives. Everything but `lock` needs the lock held.
public struct Stripe {
    @usableFromInline let state: UnsafeMutablePointer<StripeState>

    @inlinable
    init(state: UnsafeMutablePointer<StripeState>) {
        self.state = state
    }

    /// Waits until no other thread holds the lock. Not recursive.
    @inlinable
    public func lock() { state.pointee.lock.lock() }

    /// Ends what `lock` began.
    @inlinable
    public func unlock() { state.pointee.lock.unlock() }

    /// Starts loading what the lock guards.
    @inlinable
    public func prefetch() { linux_prefetch(state) }

    /// Starts loading the cache line where the search for `hash` begins.
    @inlinable
    public func prefetchSlot(_ hash: UInt64) {
        let reference = reference(hash)
        guard let slots = reference.slots else { return }
        linux_prefetch(slots + reference.home(hash))
    }

    /// Starts loading the record that `find` would look at first.
    @inlinable
    public func prefetchRecord(_ hash: UInt64) {
        let reference = reference(hash)
        guard let slots = reference.slots else { return }
        let capacity = reference.capacity
        let tag = Slot.tag(hash)
        var index = reference.home(hash)
        while !slots[index].isEmpty {
            if slots[index].tag == tag {
                // Most records of small values span two cache lines.
                let address = slots[index].entry.address
                linux_prefetch(address)
                linux_prefetch(address + 64)
                return
            }
            index += 1
            if index == capacity { index = 0 }
        }
    }

    /// Starts loading the digest that a write changes, unless it changes a record's deadline: then there are two.
    public func prefetchDigest(_ routingHash: UInt32, deadline: UInt64) {
        state.pointee.digests.prefetch(routingHash, deadline: deadline)
    }

    /// The record of `key`, a marker too, or nil. Deadlines are not looked at: an expired record may still be live here.
    @inlinable @inline(__always)
    public func find(_ key: UnsafeRawBufferPointer, hash: UInt64) -> RecordView? {
        slot(key, hash: hash)?.pointee.entry.view
    }

    @inlinable
    func reference(_ hash: UInt64) -> SegmentReference {
        state.pointee.directory[directoryIndex(hash)]
    }

    @inlinable
    func directoryIndex(_ hash: UInt64) -> Int {
        // In two steps, because a shift by 64 is none.
        Int((hash >> 1) &>> (63 - UInt64(state.pointee.directoryDepth)))
    }

    /// The slot of `key`, or nil.
    @inlinable
    func slot(_ key: UnsafeRawBufferPointer, hash: UInt64) -> UnsafeMutablePointer<Slot>? {
        let reference = reference(hash)
        guard let slots = reference.slots else { return nil }
        let capacity = reference.capacity
        let tag = Slot.tag(hash)
        var index = reference.home(hash)
        while !slots[index].isEmpty {
            if slots[index].tag == tag {
                // The record's second cache line is on its way while the key is compared.
                linux_prefetch(slots[index].entry.address + 64)
                if slots[index].entry.hasKey(key) { return slots + index }
            }
            index += 1
            if index == capacity { index = 0 }
        }
        return nil
    }
}
