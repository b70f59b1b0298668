import KVWire

/// Copies of shards: a few at a time, page by page; the next page is fetched while the one before is merged.
extension HandoverCoordinator {
    static let pageBytes = 1 << 20
    private static let pageTimeoutMilliseconds: UInt32 = 2000
    private static let pageTriesMax = 3
    private static let unmergedMax = 2
    private static let failurePauseMilliseconds: UInt64 = 1000

    mutating func beginCopy(_ number: Int, from source: String) {
        if copies == Self.copiesMax {
            if !waiting.contains(number) { waiting.append(number) }
            return
        }
        copies += 1
        lastToken += 1
        let identifier = lastToken
        update(number) { $0.copy = ShardHandover.Copy(identifier: identifier, source: source) }
        fetch(number)
    }

    /// Ends the copy under way, whatever became of it, and lets the next shard begin.
    mutating func endCopy(_ number: Int) {
        guard let copy = shards[number]?.copy else { return }
        if let fetch = copy.fetch { calls[fetch] = nil }
        update(number) { $0.copy = nil }
        copies -= 1
    }

    private mutating func beginWaiting(now: UInt64) {
        while copies < Self.copiesMax && !waiting.isEmpty { evaluate(waiting.removeFirst(), now: now) }
    }

    private mutating func fetch(_ number: Int) {
        guard let copy = shards[number]?.copy else { return }
        let token = makeToken(.page(shard: number, copy: copy.identifier))
        update(number) { $0.copy?.fetch = token }
        let request = GetShardContentsRequest(
            shard: number,
            pageToken: copy.pageToken,
            maxPageBytes: Self.pageBytes,
            withMarkers: true
        )
        actions.append(
            .fetchPage(token, from: copy.source, request, timeoutMilliseconds: Self.pageTimeoutMilliseconds)
        )
    }

    /// Goes on with a copy whose last fetch failed or had to wait for a merge.
    mutating func resumeCopy(_ number: Int, now: UInt64) {
        guard let copy = shards[number]?.copy else { return }
        if copy.fetch == nil && !copy.isLastPageHere && copy.unmerged < Self.unmergedMax { fetch(number) }
    }

    mutating func pageReply(_ token: UInt64, _ result: Result<PageSummary, RPCError>, now: UInt64) {
        guard case .page(let number, _)? = calls[token], let copy = shards[number]?.copy, copy.fetch == token else {
            return
        }
        switch result {
        case .success(let page):
            // The token stays, for the merge.
            update(number) {
                $0.copiedRecords += page.records
                $0.copiedBytes += page.bytes
                $0.copy?.fetch = nil
                $0.copy?.failedTries = 0
                $0.copy?.unmerged += 1
                $0.copy?.pageToken = page.nextPageToken
                $0.copy?.isLastPageHere = page.nextPageToken.isEmpty
            }
            actions.append(.mergePage(token, number))
            resumeCopy(number, now: now)
        case .failure(let error):
            calls[token] = nil
            let isWorthRepeating = error.code == .deadlineExceeded || error.code == .unavailable
            if isWorthRepeating && copy.failedTries + 1 < Self.pageTriesMax {
                // The next tick goes on.
                update(number) {
                    $0.copy?.fetch = nil
                    $0.copy?.failedTries += 1
                }
            } else {
                copyFailed(number, copy.source, error, now: now)
            }
        }
    }

    mutating func pageMerged(_ token: UInt64, _ result: Result<Void, RPCError>, now: UInt64) {
        guard case .page(let number, let identifier)? = calls.removeValue(forKey: token),
            let copy = shards[number]?.copy, copy.identifier == identifier
        else { return }
        if case .failure(let error) = result {
            copyFailed(number, copy.source, error, now: now)
            return
        }
        update(number) { $0.copy?.unmerged -= 1 }
        if copy.isLastPageHere && copy.unmerged == 1 {
            copyDone(number, copy.source)
            evaluate(number, now: now)
            beginWaiting(now: now)
        } else {
            resumeCopy(number, now: now)
        }
    }

    private mutating func copyDone(_ number: Int, _ source: String) {
        endCopy(number)
        if shards[number]?.join != nil {
            update(number) { $0.join?.copied.insert(source) }
        } else if let answer = shards[number]?.inquiries[source]?.answer {
            finishInquiry(number, source, answer)
        }
    }

    /// The source is asked again what it holds, if it answers at all; meanwhile another one may do.
    private mutating func copyFailed(_ number: Int, _ source: String, _ error: RPCError, now: UInt64) {
        endCopy(number)
        update(number) {
            $0.join?.answers[source] = nil
            $0.join?.waitingSince[source] = now
            $0.join?.avoided[source] = now + Self.failurePauseMilliseconds
            if error.reason == .memoryFull { $0.join?.retryAt = now + Self.failurePauseMilliseconds }
            $0.inquiries[source]?.answer = nil
        }
        peers[source, default: Peer()].refusals = 0
        actions.append(.report(.copyFailed(shard: number, source: source, error)))
        evaluate(number, now: now)
        beginWaiting(now: now)
        ask(now: now)
    }
}
