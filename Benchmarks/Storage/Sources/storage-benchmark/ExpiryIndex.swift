/// A structure that finds the keys whose deadline has passed, as it would stand beside a table. Keys are numbers, deadlines
/// ticks of a millisecond. A key has one deadline; setting another replaces it.
protocol ExpiryIndex {
    static var name: String { get }
    init(keyCount: Int)
    func free()
    mutating func set(_ key: Int, deadline: UInt64)
    /// Does one step of expiry, as small as the structure allows. Calls `expire` for each key found; false = nothing is
    /// due any more.
    mutating func step(now: UInt64, _ expire: (Int) -> Void) -> Bool
}

/// A binary heap of (deadline, key), with each key's place, so that an overwrite moves its entry.
struct HeapIndex: ExpiryIndex {
    static let name = "heap"
    private struct Item {
        var deadline: UInt64
        var key: Int
    }

    private let items: UnsafeMutablePointer<Item>
    private let places: UnsafeMutablePointer<Int>
    private var count = 0

    init(keyCount: Int) {
        items = .allocate(capacity: keyCount)
        places = .allocate(capacity: keyCount)
        places.initialize(repeating: -1, count: keyCount)
    }

    func free() {
        items.deallocate()
        places.deallocate()
    }

    mutating func set(_ key: Int, deadline: UInt64) {
        if places[key] < 0 {
            place(Item(deadline: deadline, key: key), at: count)
            count += 1
            siftUp(count - 1)
        } else {
            items[places[key]].deadline = deadline
            siftUp(places[key])
            siftDown(places[key])
        }
    }

    mutating func step(now: UInt64, _ expire: (Int) -> Void) -> Bool {
        guard count > 0, items[0].deadline <= now else { return false }
        let key = items[0].key
        places[key] = -1
        count -= 1
        if count > 0 {
            place(items[count], at: 0)
            siftDown(0)
        }
        expire(key)
        return true
    }

    private func place(_ item: Item, at index: Int) {
        items[index] = item
        places[item.key] = index
    }

    private func siftUp(_ start: Int) {
        var index = start
        let item = items[index]
        while index > 0, items[(index - 1) / 2].deadline > item.deadline {
            place(items[(index - 1) / 2], at: index)
            index = (index - 1) / 2
        }
        place(item, at: index)
    }

    private func siftDown(_ start: Int) {
        var index = start
        let item = items[index]
        while 2 * index + 1 < count {
            var child = 2 * index + 1
            if child + 1 < count, items[child + 1].deadline < items[child].deadline { child += 1 }
            if items[child].deadline >= item.deadline { break }
            place(items[child], at: index)
            index = child
        }
        place(item, at: index)
    }
}

/// A hashed wheel of 1,024 slots of 64 ms with linked lists through arrays: a step is a slot of the wheel.
struct WheelIndex: ExpiryIndex {
    static let name = "timing wheel"
    private static let slotCount = 1024
    private static let ticksPerSlot: UInt64 = 64
    private let heads: UnsafeMutablePointer<Int32>
    private let next: UnsafeMutablePointer<Int32>
    private let previous: UnsafeMutablePointer<Int32>
    private let deadlines: UnsafeMutablePointer<UInt64>
    private var turn: UInt64 = 0

    init(keyCount: Int) {
        heads = .allocate(capacity: Self.slotCount)
        heads.initialize(repeating: -1, count: Self.slotCount)
        next = .allocate(capacity: keyCount)
        previous = .allocate(capacity: keyCount)
        deadlines = .allocate(capacity: keyCount)
        deadlines.initialize(repeating: 0, count: keyCount)
    }

    func free() {
        heads.deallocate()
        next.deallocate()
        previous.deallocate()
        deadlines.deallocate()
    }

    mutating func set(_ key: Int, deadline: UInt64) {
        if deadlines[key] != 0 { unlink(key) }
        deadlines[key] = deadline
        let slot = Self.slot(deadline)
        next[key] = heads[slot]
        previous[key] = -1
        if heads[slot] >= 0 { previous[Int(heads[slot])] = Int32(key) }
        heads[slot] = Int32(key)
    }

    mutating func step(now: UInt64, _ expire: (Int) -> Void) -> Bool {
        guard turn * Self.ticksPerSlot <= now else { return false }
        var key = heads[Int(turn) % Self.slotCount]
        while key >= 0 {
            let following = next[Int(key)]
            if deadlines[Int(key)] <= now {
                unlink(Int(key))
                deadlines[Int(key)] = 0
                expire(Int(key))
            }
            key = following
        }
        turn += 1
        return true
    }

    private static func slot(_ deadline: UInt64) -> Int { Int(deadline / ticksPerSlot) % slotCount }

    private func unlink(_ key: Int) {
        if previous[key] >= 0 {
            next[Int(previous[key])] = next[key]
        } else {
            heads[Self.slot(deadlines[key])] = next[key]
        }
        if next[key] >= 0 { previous[Int(next[key])] = previous[key] }
    }
}
