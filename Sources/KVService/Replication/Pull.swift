import KVCore
import KVStorage
import KVWire

/// Brings one shard's store up to date with another node's: whatever that has newer, by version. How it finds that without
/// sending everything: by what the source says that has changed since an earlier mark (`ShardStore.markChanges`), and where it does not
/// know, or not all, by `ShardStore.digests`.
///
/// A state machine of requests to the source; the responses are merged as they come, without a lock of the node's.
package struct Pull: Sendable {
    package enum Mode: Sendable, Equatable {
        /// The store has nothing to speak of: every record, then what has changed meanwhile until that is little.
        case whole
        /// Only where the digests differ. Unless it is certain that nobody writes meanwhile (`isConfirmed`), a second look
        /// tells what differs from what was on its way.
        case difference(isConfirmed: Bool)
    }

    enum Step {
        case ask(PeerRequest, afterMilliseconds: UInt64)
        case finished(Achievement)
        case failed(RPCError)
    }

    /// All that the source had is here
    package struct Achievement: Sendable {
        /// … at this moment of its clock, in milliseconds since 1970,
        package var asOf: UInt64
        /// … and at this mark; empty = it set none.
        package var mark: [UInt8]
    }

    enum Stage: Sendable {
        /// A mark before the first page: what is written from then on has changed meanwhile.
        case mark
        case pages([UInt8])
        case changes([UInt8])
        case digests
        /// The second look, and what differed at the first.
        case confirmation(BucketSet)
        case versions(BucketSet, [UInt8])
        /// The source's records of keys that it has not shown: markers, or nothing.
        case ownKeys
        case values
    }

    /// How a pass finds what differs.
    enum Search { case changes, buckets }

    package let identifier: UInt64
    package let shard: Int
    package let source: String
    let mode: Mode
    /// Markers that came to be at the source since then are needed here; 0 = none are: a replica that has no live record of a key
    /// can do without, unless it is to stand for those that may have refused older writes by it.
    let markersSince: UInt64
    var stage: Stage
    /// What expires near this time is left out of comparisons; 0 = nothing is.
    var cutoff: UInt64 = 0
    var asOf: UInt64 = 0
    /// What the source had at this mark is here, or at the end of this pass; empty = nobody knows.
    var mark: [UInt8]
    var nextMark: [UInt8] = []
    /// What the source said at the end of its changes.
    var areChangesComplete = false
    var sourceRoot: UInt64 = 0
    /// Passes over what differs; how this one looks for it, and what it brought.
    var passes = 0
    var search = Search.changes
    var passRecords = 0
    /// Records that were merged.
    var mergedRecords = 0
    /// Keys that the source has shown in this pass.
    var shown: Set<[UInt8]> = []
    /// Live here, in buckets that differ; and where the search for more of them goes on, nil = nowhere.
    var ownKeys: [[UInt8]] = []
    var ownCursor: ScanCursor?
    /// To be fetched, each once, however often it was listed.
    var wanted: [[UInt8]] = []
    var isWanted: Set<[UInt8]> = []
    /// How many of the last of these were asked for.
    var askedKeys = 0
    private var failedTries = 0
    private var askedAt: UInt64 = 0
    /// What the source takes to answer at least, in milliseconds; nil = it has not answered yet.
    private var roundTripMilliseconds: UInt64?
    /// What all copies together may bring; 0 = as much as they can.
    private let bytesPerSecond: Int
    private let pageBytesBounds: ClosedRange<Int>
    /// `ReplicationCoordinator.Ablation.confirm`
    let trustsChanges: Bool

    /// What was asked for longer ago may hold what was deleted since, and whose marker is gone.
    private static let maxAgeMilliseconds: UInt64 = 30_000
    /// How many keys are asked for where so much of their records is to be answered.
    private static let bytesPerKey = 64
    private static let triesMax = 3
    /// As much work for the source as a small page.
    private static let searchBytes = 8 << 10
    static let confirmationMilliseconds: UInt64 = 200
    private static let retryMilliseconds: UInt64 = 100
    /// A pass that brought so few records is the last one of a whole copy.
    static let fewRecords = 200
    static let passesMax = 5

    /// - Parameter mark: all that the source had at this mark is here; empty = that is not known of any.
    init(
        identifier: UInt64,
        shard: Int,
        source: String,
        mode: Mode,
        markersSince: UInt64,
        mark: [UInt8],
        bytesPerSecond: Int,
        pageBytes: ClosedRange<Int>,
        trustsChanges: Bool = false
    ) {
        self.markersSince = markersSince
        self.mark = mark
        self.identifier = identifier
        self.shard = shard
        self.source = source
        self.mode = mode
        self.bytesPerSecond = bytesPerSecond
        pageBytesBounds = pageBytes
        self.trustsChanges = trustsChanges
        // Replicas in steady state record no changes.
        stage = mode == .whole ? .mark : markersSince > 0 ? .changes([]) : .digests
    }

    /// What the rate allows in a round trip: little where the source is near, so that a page holds requests up for a fraction of a millisecond
    /// at both ends, and more where the rate could not be reached otherwise.
    var pageBytes: Int {
        let bounds = pageBytesBounds
        if bytesPerSecond == 0 { return bounds.upperBound }
        let allowed = UInt64(bytesPerSecond) * min(roundTripMilliseconds ?? 0, 1000) / 1000
        let least = isUrgent ? bounds.upperBound / 2 : bounds.lowerBound
        return min(max(Int(allowed), least), bounds.upperBound)
    }

    /// Writes wait for it.
    var isUrgent: Bool { mode == .difference(isConfirmed: true) }

    /// What an answer of so many bytes counts for where copies keep below a rate.
    func cost(ofBytes bytes: Int) -> Int {
        if isUrgent { return 0 }
        switch stage {
        // The source looked at many records to find these.
        case .versions, .changes: return max(bytes, Self.searchBytes)
        case .mark, .pages, .digests, .confirmation, .ownKeys, .values: return bytes
        }
    }

    /// The request that is to be sent leaves so much later.
    mutating func postpone(by milliseconds: UInt64) { askedAt += milliseconds }

    /// The request that the pull waits for, made anew where it failed.
    mutating func request(now: UInt64) -> PeerRequest {
        askedAt = now
        switch stage {
        case .mark:
            return .changes(GetChangesRequest(shard: shard, since: [], pageToken: [], maxPageBytes: 0, cutoff: 0))
        case .changes(let token):
            // With all changes since a mark nothing can be missing. Then the digests only confirm it, whatever expires now.
            cutoff = mark.isEmpty ? 0 : now
            return .changes(
                GetChangesRequest(
                    shard: shard,
                    since: mark,
                    pageToken: token,
                    maxPageBytes: pageBytes,
                    cutoff: cutoff
                )
            )
        case .pages(let token):
            return .contents(
                GetShardContentsRequest(shard: shard, pageToken: token, maxPageBytes: pageBytes, withMarkers: true)
            )
        case .digests, .confirmation:
            // A replica can do without what expires in seconds; a new owner can't.
            cutoff = markersSince == 0 ? now : 0
            return .digests(GetDigestsRequest(shard: shard, cutoff: cutoff))
        case .versions(let buckets, let token):
            return .versions(
                GetVersionsRequest(
                    shard: shard,
                    buckets: buckets.bytes,
                    pageToken: token,
                    maxPageBytes: pageBytes,
                    markersSince: markersSince
                )
            )
        case .ownKeys:
            return .records(
                GetRecordsRequest(shard: shard, keys: next(of: ownKeys), versionsOnly: true, maxBytes: .max)
            )
        case .values:
            return .records(
                GetRecordsRequest(shard: shard, keys: next(of: wanted), versionsOnly: false, maxBytes: pageBytes)
            )
        }
    }

    private mutating func next(of keys: [[UInt8]]) -> [[UInt8]] {
        askedKeys = min(keys.count, max(1, pageBytes / Self.bytesPerKey))
        return Array(keys.suffix(askedKeys))
    }

    /// Takes in what a request brought, or why it brought nothing.
    mutating func receive(
        _ result: Result<PeerResponse, RPCError>,
        into store: PulledStore,
        now: UInt64
    ) -> Step {
        if now > askedAt + Self.maxAgeMilliseconds {
            return .failed(RPCError(.deadlineExceeded, "\(source) answered too late"))
        }
        switch result {
        case .failure(let error) where error.code == .unimplemented:
            // An older server, which records no changes.
            guard let next = stageWithoutChanges else { return .failed(error) }
            stage = next
            return .ask(request(now: now), afterMilliseconds: 0)
        case .failure(let error):
            failedTries += 1
            let isWorthRepeating = error.code == .deadlineExceeded || error.code == .unavailable
            guard isWorthRepeating && failedTries < Self.triesMax else { return .failed(error) }
            return .ask(request(now: now), afterMilliseconds: Self.retryMilliseconds)
        case .success(let response):
            failedTries = 0
            roundTripMilliseconds = min(roundTripMilliseconds ?? .max, now - min(now, askedAt))
            do throws(RPCError) {
                switch response {
                case .digests(let digests): return take(digests, store, now: now)
                case .contents(let contents): return try take(contents, store, now: now)
                case .changes(let changes): return try take(changes, store, now: now)
                case .exchange, .activate, .compare: return .failed(RPCError(.internal, "not what was asked for"))
                }
            } catch { return .failed(error) }
        }
    }
}
