/// A directory entry, in 8 bytes: where a segment's slots are, how many, and how many leading hash bits its records share.
/// With the size beside the pointer a look-up goes from the directory to the slot at once, without a stop at the segment's
/// header. Without memory (`slots` is nil) it stands for an empty segment.
///
///     bits 63…56 size code | 55…48 depth | 47…0 address
@usableFromInline
struct SegmentReference: Equatable {
    @usableFromInline var bits: UInt64

    @inlinable
    init(slots: UnsafeMutablePointer<Slot>?, sizeCode: Int, depth: Int) {
        bits = UInt64(sizeCode) << 56 | UInt64(depth) << 48 | UInt64(UInt(bitPattern: slots))
    }

    @inlinable
    var slots: UnsafeMutablePointer<Slot>? {
        UnsafeMutablePointer(bitPattern: UInt(bits & (1 << 48 - 1)))
    }

    @inlinable
    var depth: Int { Int(bits >> 48 & 0xFF) }

    @inlinable
    var sizeCode: Int { Int(bits >> 56) }

    @inlinable
    var capacity: Int { Self.capacity(sizeCode: sizeCode) }

    /// 8, 12, 16, 24, 32, 48 … slots.
    @inlinable @inline(__always)
    static func capacity(sizeCode: Int) -> Int {
        (2 | sizeCode & 1) &<< (sizeCode &>> 1 &+ 2)
    }

    /// The slot where the search for `hash` begins. It grows with the hash, so that slots are nearly in hash order: scans
    /// depend on it.
    @inlinable @inline(__always)
    func home(_ hash: UInt64) -> Int {
        Int((hash &<< UInt64(depth)).multipliedFullWidth(by: UInt64(capacity)).high)
    }

    /// The least hash that belongs to the same segment as `hash`.
    func firstHash(_ hash: UInt64) -> UInt64 {
        hash & ~(UInt64.max >> UInt64(depth))
    }

    /// The least hash of the same segment as `hash` whose home is `slot` or a later one.
    func firstHash(_ hash: UInt64, ofHome slot: Int) -> UInt64 {
        let (quotient, remainder) = UInt64(capacity).dividingFullWidth((UInt64(slot), 0))
        let mixed = quotient + (remainder > 0 ? 1 : 0)
        let isBetweenHashes = mixed & ((1 << UInt64(depth)) - 1) != 0
        return firstHash(hash) | (mixed >> UInt64(depth) + (isBetweenHashes ? 1 : 0))
    }

    /// The greatest hash that belongs to the same segment as `hash`.
    func lastHash(_ hash: UInt64) -> UInt64 {
        hash | UInt64.max >> UInt64(depth)
    }
}
