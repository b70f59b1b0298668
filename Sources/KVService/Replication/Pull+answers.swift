import KVCore
import KVStorage
import KVWire

/// What follows from the answers to a pull's requests.
extension Pull {
    // MARK: Digests

    mutating func take(_ response: GetDigestsResponse, _ store: PulledStore, now: UInt64) -> Step {
        let own = store.digests(cutoff: cutoff)
        guard own.count == response.digests.count else {
            let message = "\(source) has other buckets: \(response.digests.count), not \(own.count)"
            return .failed(RPCError(.internal, message))
        }
        var differing = BucketSet(differing: own, response.digests)
        if case .confirmation(let first) = stage {
            differing.formIntersection(first)
        } else {
            asOf = response.clock
            if mode == .difference(isConfirmed: false), !differing.isEmpty {
                stage = .confirmation(differing)
                return .ask(request(now: now), afterMilliseconds: Self.confirmationMilliseconds)
            }
        }
        if differing.isEmpty && markersSince == 0 { return finished }
        beginPass(.buckets)
        shown = []
        ownKeys = []
        ownCursor = differing.isEmpty ? nil : .start
        // Where nearly everything differs, it is cheaper to send everything.
        if mode != .whole, differing.count > own.count / 4 {
            stage = .pages([])
        } else {
            stage = .versions(differing, [])
        }
        return .ask(request(now: now), afterMilliseconds: 0)
    }

    // MARK: Changes

    var stageWithoutChanges: Stage? {
        switch stage {
        case .mark: .pages([])
        case .changes: .digests
        case .pages, .digests, .confirmation, .versions, .ownKeys, .values: nil
        }
    }

    mutating func take(
        _ page: GetChangesResponse,
        _ store: PulledStore,
        now: UInt64
    ) throws(RPCError) -> Step {
        switch stage {
        case .mark:
            mark = page.mark
            stage = .pages([])
        case .changes(let token):
            if token.isEmpty {
                asOf = page.clock
                nextMark = page.mark
                beginPass(.changes)
            }
            try sift(page.values, store, now: now)
            if !page.nextPageToken.isEmpty {
                stage = .changes(page.nextPageToken)
            } else {
                areChangesComplete = page.isComplete
                sourceRoot = page.root
                mark = nextMark
                stage = .values
                if wanted.isEmpty { return afterPass(store, now: now) }
            }
        case .pages, .digests, .confirmation, .versions, .ownKeys, .values:
            return .failed(RPCError(.internal, "not what was asked for"))
        }
        return .ask(request(now: now), afterMilliseconds: 0)
    }

    // MARK: Records

    mutating func take(
        _ page: GetShardContentsResponse,
        _ store: PulledStore,
        now: UInt64
    ) throws(RPCError) -> Step {
        switch stage {
        case .pages:
            try merge(page.values, store, now: now)
            if !page.nextPageToken.isEmpty {
                stage = .pages(page.nextPageToken)
            } else if mode == .whole {
                stage = mark.isEmpty ? .digests : .changes([])
            } else {
                return finished
            }
        case .versions(let buckets, _):
            try sift(page.values, store, now: now)
            for record in page.values { shown.insert(record.key) }
            // In step with the source, since it holds requests up here as well.
            repeat {
                findOwn(in: buckets, store)
            } while page.nextPageToken.isEmpty && ownCursor != nil
            if !page.nextPageToken.isEmpty {
                stage = .versions(buckets, page.nextPageToken)
            } else {
                ownKeys.removeAll { shown.contains($0) }
                stage = ownKeys.isEmpty ? .values : .ownKeys
            }
        case .ownKeys:
            ownKeys.removeLast(askedKeys)
            try sift(page.values, store, now: now)
            if ownKeys.isEmpty { stage = .values }
        case .values:
            try merge(page.values, store, now: now)
            dropAnswered(page)
        case .mark, .changes, .digests, .confirmation:
            return .failed(RPCError(.internal, "not what was asked for"))
        }
        if case .values = stage, wanted.isEmpty { return afterPass(store, now: now) }
        return .ask(request(now: now), afterMilliseconds: 0)
    }

    private mutating func findOwn(in buckets: BucketSet, _ store: PulledStore) {
        guard let from = ownCursor else { return }
        ownCursor = store.scanLive(buckets, from: from, maxVisited: max(1, pageBytes / NodeHandler.bytesPerSlot)) {
            key in
            ownKeys.append(key)
        }
    }

    /// Keys of an answer that was cut short are asked for again from the one that follows its last.
    private mutating func dropAnswered(_ page: GetShardContentsResponse) {
        let asked = wanted.suffix(askedKeys)
        if !page.nextPageToken.isEmpty, let last = page.values.last, let index = asked.lastIndex(of: last.key) {
            let rest = Array(asked[(index + 1)...])
            wanted.removeLast(asked.count)
            wanted += rest
        } else {
            wanted.removeLast(asked.count)
        }
    }

    /// Of records without values: takes the markers that are newer than what is here; the live ones are wanted with their values.
    private mutating func sift(_ records: [ShardValue], _ store: PulledStore, now: UInt64) throws(RPCError) {
        let newer = records.filter { store.lacks($0) }
        try merge(newer.filter { $0.kind != .live }, store, now: now)
        for record in newer where record.kind == .live && isWanted.insert(record.key).inserted {
            wanted.append(record.key)
        }
    }

    private mutating func merge(_ records: [ShardValue], _ store: PulledStore, now: UInt64) throws(RPCError) {
        for record in records { try store.merge(record, now: now) }
        passRecords += records.count
        mergedRecords += records.count
    }

    private var finished: Step { .finished(Achievement(asOf: asOf, mark: mark)) }

    private mutating func beginPass(_ search: Search) {
        self.search = search
        passes += 1
        passRecords = 0
        isWanted = []
    }

    private mutating func afterPass(_ store: PulledStore, now: UInt64) -> Step {
        if search == .changes, let next = searchAfterChanges(store) {
            stage = next
        } else if mode == .whole && passRecords > Self.fewRecords && passes < Self.passesMax {
            stage = mark.isEmpty ? .digests : .changes([])
        } else {
            return finished
        }
        return .ask(request(now: now), afterMilliseconds: 0)
    }

    /// Nil: nothing that has changed is missing. Where nobody writes any more, the digests have to say so too.
    private mutating func searchAfterChanges(_ store: PulledStore) -> Stage? {
        if trustsChanges { return nil }
        guard isUrgent else { return areChangesComplete ? nil : .digests }
        let isEqual = store.root(cutoff: cutoff) == sourceRoot
        if isEqual && areChangesComplete { return nil }
        // What the source knows may have been all that differed: then only markers are missing, which are in no digest.
        guard isEqual, cutoff == 0 else { return .digests }
        beginPass(.buckets)
        return .versions(BucketSet(words: []), [])
    }
}
