import KVCore

/// What a slot tells of its record's times, in 12 bits, so that a sweep need not load records that are not due:
/// whether there is a deadline, or a marker with its birth, and roughly when.
///
///     bits 11…10 kind: 0 neither, 1 a deadline, 2 a birth | 9…0 the time in units of 8.192 s, modulo 1,024 (2.3 hours)
@usableFromInline
struct SlotTime: Equatable, Sendable {
    @usableFromInline let bits: UInt64

    static let none = SlotTime(bits: 0)
    /// How many units are told apart.
    static let unitCount: UInt64 = 1024
    /// Times up to 17 minutes ago are told from those to come.
    private static let pastUnits: UInt64 = 128
    private static let unitShift: UInt64 = 13

    @usableFromInline
    init(bits: UInt64) { self.bits = bits }

    init(_ header: EntryHeader) {
        if header.isLive {
            bits = header.deadline == 0 ? 0 : Self.unitCount | Self.unit(header.deadline)
        } else {
            bits = 2 * Self.unitCount | Self.unit(header.deadline)
        }
    }

    var isDeadline: Bool { bits & Self.unitCount != 0 }
    var isBirth: Bool { bits & (2 * Self.unitCount) != 0 }

    /// In how many units the time comes that this stands for, if it is to come within 2 hours; nil = it may have passed. Times
    /// that are long past (see `isLongPast`) are taken for ones to come, later ones than 2 hours for earlier ones.
    @inline(__always)
    func unitsUntil(fromUnit nowUnit: UInt64) -> UInt64? {
        let units = (bits &- nowUnit &- 1) & (Self.unitCount - 1)
        return units < Self.unitCount - Self.pastUnits ? units + 1 : nil
    }

    /// When the unit begins that comes `units` after `nowUnit`.
    static func time(_ units: UInt64, afterUnit nowUnit: UInt64) -> UInt64 {
        min(nowUnit + units, UInt64.max >> unitShift) << unitShift
    }

    static func unit(of time: UInt64) -> UInt64 { time >> unitShift }

    /// Whether slots can no longer tell that `time` has passed.
    static func isLongPast(_ time: UInt64, now: UInt64) -> Bool {
        time < now && (now >> unitShift) - (time >> unitShift) >= pastUnits
    }

    private static func unit(_ time: UInt64) -> UInt64 { unit(of: time) & (unitCount - 1) }
}
