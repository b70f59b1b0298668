import Glibc
import KVCore

extension ShardStore {
    /// Visits a page of records and returns where the next page begins; nil = the end. A record that exists from the first
    /// page to the last is visited at least once, whatever is written meanwhile.
    ///
    /// A page ends after the record with which its keys and values reach `maxBytes`. Markers are visited only
    /// `withMarkers`. A live record whose deadline passed at `now` is not shown as live: with markers it is shown as an
    /// expired one, without them it is skipped. `visit` runs under the lock of a stripe: it copies what it needs, and
    /// calls nothing of this store.
    package func scan(
        from cursor: ScanCursor,
        maxBytes: Int,
        withMarkers: Bool,
        now: UInt64,
        _ visit: (RecordView) -> Void
    ) -> ScanCursor? {
        var cursor = cursor
        var page = ScanPage(maxBytes: maxBytes, withMarkers: withMarkers, now: now)
        defer { page.free() }
        while cursor.stripe < stripeCount {
            if page.isFull { return cursor }
            let stripe = stripe(at: Int(cursor.stripe))
            stripe.lock()
            let last = page.step(stripe, from: cursor.position, visit)
            stripe.unlock()
            cursor.advance(past: last)
        }
        return nil
    }
}

/// The page of a scan that is being filled. Records are visited in the order of their hashes.
private struct ScanPage {
    private struct Candidate {
        var hash: UInt64
        var entry: Entry
    }

    private let maxBytes: Int
    private let withMarkers: Bool
    private let now: UInt64
    private var bytes = 0
    /// The bytes at which the step under way ends.
    private var stepEnd = 0
    /// The records of one cluster.
    private var candidates: UnsafeMutablePointer<Candidate>
    private var candidateCount = 0
    private var candidateCapacity = 256

    /// A step lets the stripe's lock go after so many bytes, so that writers wait for a page's copying only in parts.
    private static let stepBytes = 128 << 10

    init(maxBytes: Int, withMarkers: Bool, now: UInt64) {
        self.maxBytes = maxBytes
        self.withMarkers = withMarkers
        self.now = now
        candidates = .allocate(capacity: candidateCapacity)
    }

    func free() { candidates.deallocate() }

    var isFull: Bool { bytes >= maxBytes }

    /// Visits records of the segment that `position` belongs to, from `position` on, and returns the last hash up to which
    /// all are visited. The stripe is locked.
    ///
    /// The home slot grows with the hash, and a record lies between its home and the next empty slot. So the records of
    /// one cluster (a run of full slots) have hashes below those of the next cluster, and only a cluster is sorted.
    mutating func step(_ stripe: Stripe, from position: UInt64, _ visit: (RecordView) -> Void) -> UInt64 {
        let reference = stripe.reference(position)
        guard let segment = Segment(reference) else { return reference.lastHash(position) }
        let keyHash = stripe.keyHash
        stepEnd = min(maxBytes, bytes + Self.stepBytes)
        var index = reference.home(position)
        while index < segment.capacity {
            candidateCount = 0
            while index < segment.capacity, !segment.slots[index].isEmpty {
                segment.prefetchEntry(at: index + Segment.prefetchDistance)
                let candidate = candidate(segment.slots[index], keyHash)
                // Records from the segment's end may have wrapped around to its first slots: their turn is last.
                if candidate.hash >= position, reference.home(candidate.hash) <= index { append(candidate) }
                index += 1
            }
            if index == segment.capacity { appendWrapped(segment, position, keyHash) }
            if let last = visitCandidates(visit) { return last }
            index += 1
        }
        return reference.lastHash(position)
    }

    private mutating func appendWrapped(_ segment: Segment, _ position: UInt64, _ keyHash: KeyHash) {
        var index = 0
        while !segment.slots[index].isEmpty {
            let candidate = candidate(segment.slots[index], keyHash)
            if candidate.hash >= position, segment.reference.home(candidate.hash) > index { append(candidate) }
            index += 1
        }
    }

    /// Visits the cluster in hash order. Returns the hash after which the step must end, or nil. Records of one hash stay
    /// together, since a cursor cannot tell them apart.
    private mutating func visitCandidates(_ visit: (RecordView) -> Void) -> UInt64? {
        if candidateCount > 1 {
            var cluster = UnsafeMutableBufferPointer(start: candidates, count: candidateCount)
            cluster.sort { $0.hash < $1.hash }
        }
        for index in 0..<candidateCount {
            show(candidates[index].entry, visit)
            let isLastOfHash =
                index + 1 == candidateCount || candidates[index + 1].hash != candidates[index].hash
            if isLastOfHash, bytes >= stepEnd { return candidates[index].hash }
        }
        return nil
    }

    private mutating func show(_ entry: Entry, _ visit: (RecordView) -> Void) {
        let header = entry.header.pointee
        let isLive = header.kind == .live
        let isExpired = isLive && TimeToLive.isExpired(deadline: header.deadline, now: now)
        guard withMarkers || isLive && !isExpired else { return }
        let view = isExpired ? entry.expiredView : entry.view
        visit(view)
        bytes += view.key.count + view.value.count
    }

    private func candidate(_ slot: Slot, _ keyHash: KeyHash) -> Candidate {
        Candidate(hash: keyHash(slot.entry.key), entry: slot.entry)
    }

    private mutating func append(_ candidate: Candidate) {
        if candidateCount == candidateCapacity {
            let larger = UnsafeMutablePointer<Candidate>.allocate(capacity: candidateCapacity * 2)
            larger.moveInitialize(from: candidates, count: candidateCount)
            candidates.deallocate()
            candidates = larger
            candidateCapacity *= 2
        }
        (candidates + candidateCount).initialize(to: candidate)
        candidateCount += 1
    }
}
