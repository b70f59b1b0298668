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
        fill(ScanPage(.all, maxBytes: maxBytes, maxVisited: .max), from: cursor) { entry in
            let header = entry.header.pointee
            let isLive = header.kind == .live
            let isExpired = isLive && TimeToLive.isExpired(deadline: header.deadline, now: now)
            guard withMarkers || isLive && !isExpired else { return 0 }
            let view = isExpired ? entry.expiredView : entry.view
            visit(view)
            return view.key.count + view.value.count
        }
    }

    /// Visits a page of the live records in some buckets of the digests, as `scan(from:maxBytes:withMarkers:now:_:)` does.
    /// These are the records that the digests count: those whose deadline passed without a sweep, too. And of the markers in all
    /// buckets that came to be at `markersSince` or later; 0 = none.
    ///
    /// All records of the store are looked at for that, without buckets only markers: slots tell them. A page ends once it looked at about
    /// `maxVisited` slots (see `MaintenanceCost`; exceeded by at most one segment), or once the bytes that `visit` says it copied
    /// reach `maxBytes`.
    package func scan(
        buckets: BucketSet,
        markersSince: UInt64 = 0,
        from cursor: ScanCursor,
        maxBytes: Int,
        maxVisited: Int,
        _ visit: (RecordView) -> Int
    ) -> ScanCursor? {
        let records = buckets.isEmpty ? ScanPage.Records.markers : .all
        return fill(ScanPage(records, maxBytes: maxBytes, maxVisited: maxVisited), from: cursor) { entry in
            let header = entry.header.pointee
            guard header.isLive else {
                return markersSince > 0 && entry.birth >= markersSince ? visit(entry.view) : 0
            }
            let bucket = digests.bucket(header, RoutingHash.fnv1(entry.key))
            return buckets.contains(bucket) ? visit(entry.view) : 0
        }
    }

    private func fill(_ page: consuming ScanPage, from cursor: ScanCursor, _ show: (Entry) -> Int) -> ScanCursor? {
        var cursor = cursor
        while cursor.stripe < stripeCount {
            if page.isFull { return cursor }
            let stripe = stripe(at: Int(cursor.stripe))
            stripe.lock()
            let last = page.step(stripe, from: cursor.position, show)
            stripe.unlock()
            cursor.advance(past: last)
        }
        return nil
    }
}

/// The page of a scan that is being filled. Records are visited in the order of their hashes.
private struct ScanPage: ~Copyable {
    private struct Candidate {
        var hash: UInt64
        var entry: Entry
    }

    enum Records { case all, markers }

    private let records: Records
    private let maxBytes: Int
    private let maxVisited: Int
    private var bytes = 0
    /// The work done, in slots.
    private var visited = 0
    /// The bytes at which the step under way ends.
    private var stepEnd = 0
    /// The records of one cluster.
    private var candidates: UnsafeMutablePointer<Candidate>
    private var candidateCount = 0
    private var candidateCapacity = 256

    /// A step lets the stripe's lock go after so many bytes, so that writers wait for a page's copying only in parts.
    private static let stepBytes = 128 << 10

    init(_ records: Records, maxBytes: Int, maxVisited: Int) {
        self.records = records
        self.maxBytes = maxBytes
        self.maxVisited = maxVisited
        candidates = .allocate(capacity: candidateCapacity)
    }

    deinit { candidates.deallocate() }

    var isFull: Bool { bytes >= maxBytes || visited >= maxVisited }

    /// Shows records of the segment that `position` belongs to, from `position` on, and returns the last hash up to which
    /// all are visited. The stripe is locked. `show` returns the bytes that were copied.
    ///
    /// The home slot grows with the hash, and a record lies between its home and the next empty slot. So the records of
    /// one cluster (a run of full slots) have hashes below those of the next cluster, and only a cluster is sorted.
    mutating func step(_ stripe: Stripe, from position: UInt64, _ show: (Entry) -> Int) -> UInt64 {
        let reference = stripe.reference(position)
        visited += MaintenanceCost.segment
        guard let segment = Segment(reference) else { return reference.lastHash(position) }
        let keyHash = stripe.keyHash
        stepEnd = min(maxBytes, bytes + Self.stepBytes)
        let start = reference.home(position)
        var index = start
        defer { visited += index - start }
        while index < segment.capacity {
            candidateCount = 0
            while index < segment.capacity, !segment.slots[index].isEmpty {
                if records == .all { segment.prefetchEntry(at: index + Segment.prefetchDistance) }
                if isWanted(segment.slots[index]) {
                    let candidate = candidate(segment.slots[index], keyHash)
                    // Records from the segment's end may have wrapped around to its first slots: their turn is last.
                    if candidate.hash >= position, reference.home(candidate.hash) <= index { append(candidate) }
                }
                index += 1
            }
            if index == segment.capacity { appendWrapped(segment, position, keyHash) }
            if let last = visitCandidates(show) { return last }
            index += 1
        }
        return reference.lastHash(position)
    }

    private mutating func appendWrapped(_ segment: Segment, _ position: UInt64, _ keyHash: KeyHash) {
        var index = 0
        while !segment.slots[index].isEmpty {
            if isWanted(segment.slots[index]) {
                let candidate = candidate(segment.slots[index], keyHash)
                if candidate.hash >= position, segment.reference.home(candidate.hash) > index { append(candidate) }
            }
            index += 1
        }
    }

    private func isWanted(_ slot: Slot) -> Bool { records == .all || slot.time.birthBit == 1 }

    /// Visits the cluster in hash order. Returns the hash after which the step must end, or nil. Records of one hash stay
    /// together, since a cursor cannot tell them apart.
    private mutating func visitCandidates(_ show: (Entry) -> Int) -> UInt64? {
        if candidateCount > 1 {
            var cluster = UnsafeMutableBufferPointer(start: candidates, count: candidateCount)
            cluster.sort { $0.hash < $1.hash }
        }
        for index in 0..<candidateCount {
            bytes += show(candidates[index].entry)
            let isLastOfHash =
                index + 1 == candidateCount || candidates[index + 1].hash != candidates[index].hash
            if isLastOfHash, bytes >= stepEnd { return candidates[index].hash }
        }
        return nil
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
