import KVCore
import KVHistory

/// A history told in a few words: times in milliseconds since 1970, one key, versions by number.
struct Story {
    static let key = Array("k".utf8)
    var history = History()
    var promises = Promises(clockToleranceMilliseconds: 0)

    /// `a` at 1…2 ms and `b` at 3…4 ms, both acknowledged.
    static func twoWrites(level: Level = .quorum) -> Story {
        var story = Story()
        story.set("a", 1...2, version: 1, level: level)
        story.set("b", 3...4, version: 2, level: level)
        return story
    }

    var kinds: [Violation.Kind] { history.violations(of: promises).map(\.kind) }

    static func version(_ number: UInt64) -> Version { number == 0 ? .none : Version(milliseconds: number, writer: 1) }

    static func span(_ times: ClosedRange<UInt64>) -> Span { Span(times.lowerBound * 1000, times.upperBound * 1000) }

    /// - Parameter ttl: what was asked for; the deadline is `expiresAt`.
    mutating func set(
        _ value: String,
        _ times: ClosedRange<UInt64>,
        version: UInt64,
        level: Level = .quorum,
        outcome: Write.Outcome = .acknowledged,
        ttl: UInt64 = 0,
        expiresAt: UInt64 = 0
    ) {
        write(Array(value.utf8), times, [version], level, outcome, ttl, expiresAt)
    }

    mutating func delete(
        _ times: ClosedRange<UInt64>,
        version: UInt64,
        level: Level = .quorum,
        outcome: Write.Outcome = .acknowledged
    ) {
        write(nil, times, [version], level, outcome, 0, 0)
    }

    mutating func write(
        _ value: [UInt8]?,
        _ times: ClosedRange<UInt64>,
        _ versions: [UInt64],
        _ level: Level,
        _ outcome: Write.Outcome,
        _ ttl: UInt64,
        _ expiresAt: UInt64
    ) {
        history.writes.append(
            Write(
                client: "c",
                key: Self.key,
                value: value,
                ttlMilliseconds: ttl,
                level: level,
                span: outcome == .indeterminate ? Span(times.lowerBound * 1000, Span.never) : Self.span(times),
                outcome: outcome,
                stamps: versions.map { Write.Stamp(version: Self.version($0), expiresAt: expiresAt) }
            )
        )
    }

    mutating func read(_ record: Record, _ times: ClosedRange<UInt64>, level: Level = .quorum) {
        history.reads.append(
            Read(client: "c", key: Self.key, level: level, span: Self.span(times), record: record)
        )
    }

    /// What each of the owners has at the end.
    mutating func copies(_ records: Record..., at time: UInt64 = 1000) {
        for (index, record) in records.enumerated() {
            history.copies.append(
                Copy(node: "n\(index + 1)", key: Self.key, span: Self.span(time...time), record: record)
            )
        }
    }

    /// The key's shard was given to no node.
    mutating func drop(_ times: ClosedRange<UInt64>, isComplete: Bool = true) {
        let span = isComplete ? Self.span(times) : Span(times.lowerBound * 1000, Span.never)
        history.drops.append(Drop(shard: 1, span: span))
    }

    mutating func serving(
        _ node: String,
        epoch: UInt64,
        of members: [String],
        _ times: ClosedRange<UInt64>
    ) {
        history.servings.append(
            Serving(node: node, shard: 1, epoch: epoch, members: members, span: Self.span(times))
        )
    }
}

extension Record {
    static func live(_ value: String, _ version: UInt64, expiresAt: UInt64 = 0) -> Record {
        Record(version: Story.version(version), value: Array(value.utf8), expiresAt: expiresAt)
    }

    static func marker(_ kind: RecordKind, _ version: UInt64) -> Record {
        Record(version: Story.version(version), kind: kind)
    }
}
