/// Things found again by a 32-bit number: an index into an array and a generation, which keeps the number of a slot's former
/// owner from finding the present one.
///
/// Shape of a number: generation in the upper 16 bits, index in the lower 16.
struct SlotTable<Element: ~Copyable>: ~Copyable {
    static var maxCount: Int { 1 << 16 }

    private struct Slot: ~Copyable {
        var generation: UInt16
        /// The next free slot's index, -1 = none; of a slot that is free.
        var nextFree: Int32
        var element: Element?
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var capacity = 64
    /// The slots from here on were never used.
    private var used = 0
    private var firstFree: Int32 = -1
    private(set) var count = 0

    init() {
        slots = .allocate(capacity: capacity)
    }

    deinit {
        slots.deinitialize(count: used)
        slots.deallocate()
    }

    /// Nil if `maxCount` elements are there.
    mutating func insert(_ element: consuming Element) -> UInt32? {
        var index = Int(firstFree)
        if index >= 0 {
            firstFree = slots[index].nextFree
            slots[index].element = consume element
        } else {
            guard used < Self.maxCount else { return nil }
            if used == capacity { grow() }
            index = used
            used += 1
            (slots + index).initialize(to: Slot(generation: 0, nextFree: -1, element: consume element))
        }
        count += 1
        return number(of: index)
    }

    /// Nil if the number's element is gone.
    mutating func remove(_ number: UInt32) -> Element? {
        guard let index = index(of: number) else { return nil }
        return take(index)
    }

    /// Removes the elements for which `predicate` holds, and hands each one over; others it may change in place.
    mutating func removeAll(
        where predicate: (_ number: UInt32, inout Element) -> Bool,
        _ body: (consuming Element) -> Void
    ) {
        for index in 0..<used {
            guard slots[index].element != nil, predicate(number(of: index), &slots[index].element!) else { continue }
            body(take(index)!)
        }
    }

    private func number(of index: Int) -> UInt32 { UInt32(slots[index].generation) << 16 | UInt32(index) }

    private func index(of number: UInt32) -> Int? {
        let index = Int(number & 0xffff)
        guard index < used, slots[index].generation == UInt16(number >> 16), slots[index].element != nil else {
            return nil
        }
        return index
    }

    private mutating func take(_ index: Int) -> Element? {
        slots[index].generation &+= 1
        slots[index].nextFree = firstFree
        firstFree = Int32(index)
        count -= 1
        return slots[index].element.take()
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Slot>.allocate(capacity: 2 * capacity)
        larger.moveInitialize(from: slots, count: used)
        slots.deallocate()
        slots = larger
        capacity *= 2
    }
}

// The table owns its memory alone.
extension SlotTable: @unchecked Sendable where Element: Sendable, Element: ~Copyable {}
