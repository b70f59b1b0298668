import CLinux
import KVCore

/// What a segment keeps in front of its slots.
struct SegmentHeader {
    var count = 0
    /// At most the earliest deadline of a live record: until then, a sweep has nothing to expire here.
    var earliestDeadline = UInt64.max
    /// At most the earliest birth of a marker.
    var earliestBirth = UInt64.max

    static let bytes = 32

    mutating func note(_ entry: EntryHeader) {
        if entry.kind != .live {
            note(birth: entry.deadline)
        } else if entry.deadline != 0 {
            note(deadline: entry.deadline)
        }
    }

    mutating func note(deadline: UInt64) { earliestDeadline = min(earliestDeadline, deadline) }
    mutating func note(birth: UInt64) { earliestBirth = min(earliestBirth, birth) }

    mutating func forgetTimes() {
        earliestDeadline = .max
        earliestBirth = .max
    }
}

/// An open-addressing table with linear probing: the records of one stripe whose hashes share their first `depth` bits.
struct Segment {
    let slots: UnsafeMutablePointer<Slot>
    let reference: SegmentReference
    let capacity: Int

    init?(_ reference: SegmentReference) {
        guard let slots = reference.slots else { return nil }
        self.slots = slots
        self.reference = reference
        capacity = reference.capacity
    }

    /// A new empty segment, or nil when there is no memory.
    init?(sizeCode: Int, depth: Int, allocator: Allocator, headroom: Headroom) {
        let capacity = SegmentReference.capacity(sizeCode: sizeCode)
        guard let block = allocator.allocate(Self.bytes(capacity: capacity), headroom: headroom) else { return nil }
        slots = (block + SegmentHeader.bytes).bindMemory(to: Slot.self, capacity: capacity)
        slots.initialize(repeating: Slot(), count: capacity)
        reference = SegmentReference(slots: slots, sizeCode: sizeCode, depth: depth)
        self.capacity = capacity
        header.initialize(to: SegmentHeader())
    }

    func free(_ allocator: Allocator) {
        allocator.free(UnsafeMutableRawPointer(header), bytes: Self.bytes(capacity: capacity))
    }

    var header: UnsafeMutablePointer<SegmentHeader> {
        (UnsafeMutableRawPointer(slots) - SegmentHeader.bytes).assumingMemoryBound(to: SegmentHeader.self)
    }

    var isFull: Bool { header.pointee.count >= Self.maxCount(capacity: capacity) }

    /// Adds an entry whose key is not there. The segment must not be full.
    func insert(_ entry: Entry, hash: UInt64) {
        var index = reference.home(hash)
        while !slots[index].isEmpty { index = next(index) }
        let entryHeader = entry.header.pointee
        slots[index] = Slot(entry, tag: Slot.tag(hash), time: SlotTime(entryHeader))
        header.pointee.count += 1
        header.pointee.note(entryHeader)
    }

    /// Empties a slot and moves later ones back, so that no search ends too early. Where each belongs its key tells: they are
    /// all asked for before the first one is needed.
    func remove(at index: Int, keyHash: KeyHash) {
        var hole = index
        var candidate = next(index)
        while !slots[candidate].isEmpty {
            linux_prefetch(slots[candidate].entry.address)
            candidate = next(candidate)
        }
        candidate = next(index)
        while !slots[candidate].isEmpty {
            let home = reference.home(keyHash(slots[candidate].entry.key))
            if distance(from: home, to: candidate) >= distance(from: hole, to: candidate) {
                slots[hole] = slots[candidate]
                hole = candidate
            }
            candidate = next(candidate)
        }
        slots[hole] = Slot()
        header.pointee.count -= 1
    }

    /// Calls `body` with every entry. Entries lie scattered in memory: the loop asks for them some slots ahead.
    @inline(__always)
    func forEach(_ body: (Entry) -> Void) {
        for index in 0..<capacity {
            prefetchEntry(at: index + Self.prefetchDistance)
            if !slots[index].isEmpty { body(slots[index].entry) }
        }
    }

    @inline(__always)
    func prefetchEntry(at index: Int) {
        if index < capacity { linux_prefetch(slots[index].isEmpty ? nil : slots[index].entry.address) }
    }

    @inline(__always)
    func next(_ index: Int) -> Int { index + 1 == capacity ? 0 : index + 1 }

    /// The steps that a search takes from one slot to another, around the end.
    @inline(__always)
    private func distance(from start: Int, to end: Int) -> Int {
        end >= start ? end - start : end - start + capacity
    }

    static func bytes(capacity: Int) -> Int {
        SegmentHeader.bytes + capacity * MemoryLayout<Slot>.stride
    }

    /// A load of 13/16: above it, searches for missing keys grow long.
    static func maxCount(capacity: Int) -> Int { (capacity * 13) >> 4 }

    /// The smallest size that holds `count` entries and leaves room to grow by a fifth.
    static func sizeCode(fitting count: Int) -> Int {
        var code = 0
        while maxCount(capacity: SegmentReference.capacity(sizeCode: code)) * 5 < count * 6 { code += 1 }
        return code
    }

    /// 1,024 slots. Larger segments split, so that a single insert never moves more entries than this one holds.
    static let largestSizeCode = 14
    /// How many slots ahead entries are asked for.
    static let prefetchDistance = 10
}
