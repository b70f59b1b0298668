/// The simulated world's events, in the order of their times; those of one time in the order they were planned.
struct Agenda {
    private struct Entry {
        var time: UInt64
        var number: UInt64
        var action: () -> Void

        func precedes(_ other: Entry) -> Bool { (time, number) < (other.time, other.number) }
    }

    private var heap: [Entry] = []
    private var lastNumber: UInt64 = 0

    mutating func plan(at time: UInt64, _ action: @escaping () -> Void) {
        lastNumber += 1
        heap.append(Entry(time: time, number: lastNumber, action: action))
        var child = heap.count - 1
        while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The next event that is due at `time` at the latest.
    mutating func next(until time: UInt64) -> (time: UInt64, action: () -> Void)? {
        guard let first = heap.first, first.time <= time else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return (first.time, first.action)
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var least = 2 * parent + 1
            guard least < heap.count else { return }
            if least + 1 < heap.count, heap[least + 1].precedes(heap[least]) { least += 1 }
            guard heap[least].precedes(heap[parent]) else { return }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
