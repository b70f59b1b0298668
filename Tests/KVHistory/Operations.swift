package import KVCore

/// What was seen of a key at one place.
package struct Record: Sendable, Hashable {
    package var version: Version
    package var kind: RecordKind
    /// Empty but for a live record.
    package var value: [UInt8]
    /// Milliseconds since 1970; 0 = never.
    package var expiresAt: UInt64

    package init(version: Version, kind: RecordKind = .live, value: [UInt8] = [], expiresAt: UInt64 = 0) {
        self.version = version
        self.kind = kind
        self.value = value
        self.expiresAt = expiresAt
    }

    /// Neither a value nor a marker.
    package static let none = Record(version: .none, kind: .deleted)
}

/// A Set or a Delete.
package struct Write: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        case acknowledged
        /// It certainly did not happen, anywhere.
        case failed
        /// It may have happened, or may happen yet.
        case indeterminate
    }

    /// What the write was sent with; a retry after a refusal has another one.
    package struct Stamp: Sendable, Hashable {
        package var version: Version
        /// Milliseconds since 1970; 0 = never.
        package var expiresAt: UInt64

        package init(version: Version, expiresAt: UInt64 = 0) {
            self.version = version
            self.expiresAt = expiresAt
        }
    }

    package var client: String
    package var key: [UInt8]
    /// Nil = a Delete. No two Sets of a history have the same value.
    package var value: [UInt8]?
    /// 0 = never expires.
    package var ttlMilliseconds: UInt64
    package var level: Level
    package var span: Span
    package var outcome: Outcome
    /// In the order of sending; the last one is what was acknowledged.
    package var stamps: [Stamp]

    package init(
        client: String,
        key: [UInt8],
        value: [UInt8]?,
        ttlMilliseconds: UInt64 = 0,
        level: Level,
        span: Span,
        outcome: Outcome,
        stamps: [Stamp]
    ) {
        self.client = client
        self.key = key
        self.value = value
        self.ttlMilliseconds = ttlMilliseconds
        self.level = level
        self.span = span
        self.outcome = outcome
        self.stamps = stamps
    }

    /// The version that was acknowledged; nil for a write that was not.
    package var acknowledgedVersion: Version? { outcome == .acknowledged ? stamps.last?.version : nil }
}

/// A Get that was answered.
package struct Read: Sendable, Hashable {
    package var client: String
    package var key: [UInt8]
    package var level: Level
    package var span: Span
    package var record: Record

    package init(client: String, key: [UInt8], level: Level, span: Span, record: Record) {
        self.client = client
        self.key = key
        self.level = level
        self.span = span
        self.record = record
    }
}

/// What an owner of a key has of it at the end.
package struct Copy: Sendable, Hashable {
    package var node: String
    package var key: [UInt8]
    package var span: Span
    package var record: Record

    package init(node: String, key: [UInt8], span: Span, record: Record) {
        self.node = node
        self.key = key
        self.span = span
        self.record = record
    }
}

/// A node said that it takes part in majorities of a shard: acknowledges writes and answers quorum reads.
package struct Serving: Sendable, Hashable {
    package var node: String
    package var shard: Int
    package var epoch: UInt64
    /// The owners at that epoch.
    package var members: [String]
    package var span: Span

    package init(node: String, shard: Int, epoch: UInt64, members: [String], span: Span) {
        self.node = node
        self.shard = shard
        self.epoch = epoch
        self.members = members
        self.span = span
    }
}
