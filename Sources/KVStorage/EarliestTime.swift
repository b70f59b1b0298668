/// The earliest of some slots' times, all of one kind, as seen from a moment.
///
/// Units are 16 bits wide and nothing in `add` branches: a loop over slots looks at several of them with one instruction, and what
/// the next slot holds no processor can guess.
struct EarliestTime {
    /// The first of the units that are past, and not those of a time to come.
    private let firstUnit: UInt64
    /// From the first unit on.
    private var units = UInt16.max

    init(now: UInt64) { firstUnit = SlotTime.unit(of: now) &- UInt64(SlotTime.pastUnits - 1) }

    /// Times that are long past (see `SlotTime.isLongPast`) are taken for ones to come, later ones than 2 hours for earlier ones.
    /// - Parameter kindBit: 1 if the time is of the kind that this looks at, or else 0.
    @inline(__always)
    mutating func add(_ time: SlotTime, kindBit: UInt16) {
        units = min(units, units(of: time, kindBit: kindBit))
    }

    /// Whether one of the times may have passed.
    var mayHavePassed: Bool { units < SlotTime.pastUnits }

    @inline(__always)
    func mayHavePassed(_ time: SlotTime, kindBit: UInt16) -> Bool {
        units(of: time, kindBit: kindBit) < SlotTime.pastUnits
    }

    /// When the unit of the earliest time begins; nil = there is none, or none within 2 hours.
    var milliseconds: UInt64? {
        if units == .max { return nil }
        return min(firstUnit &+ UInt64(units), UInt64.max >> SlotTime.unitShift) << SlotTime.unitShift
    }

    /// The greatest number if the time is of another kind.
    @inline(__always)
    private func units(of time: SlotTime, kindBit: UInt16) -> UInt16 {
        (time.bits &- UInt16(truncatingIfNeeded: firstUnit)) & (SlotTime.unitCount - 1) | (kindBit &- 1)
    }
}

/// The earliest deadline and the earliest birth of some slots.
struct EarliestTimes {
    private(set) var deadline: EarliestTime
    private(set) var birth: EarliestTime
    /// 0 = markers have to stay, and nobody looks at them.
    private let birthMask: UInt16

    init(now: UInt64, dropBefore: UInt64) {
        deadline = EarliestTime(now: now)
        birth = EarliestTime(now: dropBefore)
        birthMask = dropBefore == 0 ? 0 : 1
    }

    @inline(__always)
    mutating func add(_ time: SlotTime) {
        deadline.add(time, kindBit: time.deadlineBit)
        birth.add(time, kindBit: time.birthBit & birthMask)
    }

    var mayHavePassed: Bool { deadline.mayHavePassed || birth.mayHavePassed }

    @inline(__always)
    func mayHavePassed(_ time: SlotTime) -> Bool {
        deadline.mayHavePassed(time, kindBit: time.deadlineBit)
            || birth.mayHavePassed(time, kindBit: time.birthBit & birthMask)
    }
}
