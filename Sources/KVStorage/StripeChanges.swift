/// Which keys of a stripe changed, by their hashes and in order: the newest changes since `ShardStore.recordChanges` began. It
/// belongs to the stripe's lock.
struct StripeChanges {
    private struct Change {
        var hash: UInt64
        /// The newest mark before it.
        var mark: UInt64
    }

    /// The newest mark of the store.
    var mark: UInt64
    /// How many changes there were. A change keeps its number: the first one's is 0.
    private(set) var count: UInt64 = 0
    /// The newest mark before a change that was forgotten; 0 = none was.
    private(set) var lostMark: UInt64 = 0
    /// A ring: change n is in place n modulo `capacity`, a power of two.
    private var ring: UnsafeMutablePointer<Change>
    private var capacity: Int
    private let capacityMax: Int

    private static let capacityAtFirst = 16

    init(mark: UInt64, capacityMax: Int) {
        self.mark = mark
        self.capacityMax = capacityMax
        capacity = Self.capacityAtFirst
        ring = .allocate(capacity: capacity)
    }

    func deallocate() { ring.deallocate() }

    /// The number of the oldest change that is known.
    var first: UInt64 { count - min(count, UInt64(capacity)) }

    /// The number of the first known change after a mark.
    func first(since mark: UInt64) -> UInt64 {
        var (low, high) = (first, count)
        while low < high {
            let middle = (low + high) / 2
            if change(middle).mark < mark { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func hash(_ number: UInt64) -> UInt64 { change(number).hash }

    mutating func append(_ hash: UInt64) {
        if count >= UInt64(capacity) {
            if capacity < capacityMax { grow() } else { lostMark = change(first).mark }
        }
        (ring + place(count)).initialize(to: Change(hash: hash, mark: mark))
        count += 1
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Change>.allocate(capacity: capacity * 2)
        for number in first..<count {
            (larger + Int(number & UInt64(capacity * 2 - 1))).initialize(to: change(number))
        }
        ring.deallocate()
        ring = larger
        capacity *= 2
    }

    private func place(_ number: UInt64) -> Int { Int(number & UInt64(capacity - 1)) }
    private func change(_ number: UInt64) -> Change { ring[place(number)] }
}
