import KVCore

/// What a slot tells of its record's times, in 12 bits, so that a sweep need not load records that are not due:
/// whether there is a deadline, or a marker with its birth, and roughly when.
///
///     bits 11…10 kind: 0 neither, 1 a deadline, 2 a birth | 9…0 the time in units of 8.192 s, modulo 1,024 (2.3 hours)
@usableFromInline
struct SlotTime: Equatable, Sendable {
    @usableFromInline let bits: UInt64

    static let none = SlotTime(bits: 0)
    /// Times up to 17 minutes ago are told from those to come.
    static let pastUnits: UInt64 = 128
    private static let unitCount: UInt64 = 1024
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

    /// The earliest time from `now` on that this may stand for; nil = it may have passed. Times that are long past, see
    /// `isLongPast`, are taken for ones to come; those of the next hours but two never for too late ones.
    func next(after now: UInt64) -> UInt64? {
        let nowUnit = now >> Self.unitShift
        let age = (nowUnit &- bits) & (Self.unitCount - 1)
        if age < Self.pastUnits { return nil }
        return min(nowUnit + Self.unitCount - age, UInt64.max >> Self.unitShift) << Self.unitShift
    }

    /// Whether slots can no longer tell that `time` has passed.
    static func isLongPast(_ time: UInt64, now: UInt64) -> Bool {
        time < now && (now >> unitShift) - (time >> unitShift) >= pastUnits
    }

    private static func unit(_ time: UInt64) -> UInt64 { time >> unitShift & (unitCount - 1) }
}
