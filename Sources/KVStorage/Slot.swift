/// A slot of a segment, in 8 bytes: empty (0), or where a record is, with a part of its hash, which spares most looks at
/// records of other keys, and its time, which spares a sweep most looks.
///
///     bits 63…56 tag | 55…44 time | 43…0 address / 8
@usableFromInline
struct Slot {
    @usableFromInline let bits: UInt64

    init(_ entry: Entry, tag: UInt64, time: SlotTime) {
        bits = tag << 56 | UInt64(time.bits) << 44 | UInt64(UInt(bitPattern: entry.address)) >> 3
    }

    init() { bits = 0 }

    @inlinable
    var isEmpty: Bool { bits == 0 }

    @inlinable
    var tag: UInt64 { bits >> 56 }

    var time: SlotTime { SlotTime(bits: UInt16(truncatingIfNeeded: bits >> 44) & 0xFFF) }

    /// Meaningless in an empty slot.
    @inlinable
    var entry: Entry {
        unsafe Entry(UnsafeMutableRawPointer(bitPattern: UInt((bits &<< 20) &>> 17)).unsafelyUnwrapped)
    }

    /// Bits of the hash that neither the stripe (the lowest), nor the directory and the home slot (the highest) use.
    @inlinable
    static func tag(_ hash: UInt64) -> UInt64 { hash >> 12 & 0xFF }
}
