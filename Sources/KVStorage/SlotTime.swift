import KVCore

/// What a slot tells of its record's times, in 12 bits, so that a sweep need not load records that are not due:
/// whether there is a deadline, or a marker with its birth, and roughly when.
///
///     bits 11…10 kind: 0 neither, 1 a deadline, 2 a birth | 9…0 the time in units of 8.192 s, modulo 1,024 (2.3 hours)
@usableFromInline
struct SlotTime: Equatable, Sendable {
    @usableFromInline let bits: UInt16

    static let none = SlotTime(bits: 0)
    /// How many units are told apart.
    static let unitCount: UInt16 = 1024
    /// Times up to 17 minutes ago are told from those to come.
    static let pastUnits: UInt16 = 128
    static let unitShift: UInt64 = 13

    @usableFromInline
    init(bits: UInt16) { self.bits = bits }

    init(_ header: EntryHeader) {
        if header.isLive {
            bits = header.deadline == 0 ? 0 : Self.unitCount | Self.unit(header.deadline)
        } else {
            bits = 2 * Self.unitCount | Self.unit(header.deadline)
        }
    }

    /// 1 if it stands for a deadline, or else 0.
    var deadlineBit: UInt16 { bits >> 10 & 1 }
    /// 1 if it stands for a birth, or else 0.
    var birthBit: UInt16 { bits >> 11 }

    static func unit(of time: UInt64) -> UInt64 { time >> unitShift }

    /// Whether slots can no longer tell that `time` has passed.
    static func isLongPast(_ time: UInt64, now: UInt64) -> Bool {
        time < now && (now >> unitShift) - (time >> unitShift) >= UInt64(pastUnits)
    }

    private static func unit(_ time: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: unit(of: time)) & (unitCount - 1) }
}
