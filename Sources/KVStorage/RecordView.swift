public import KVCore

/// A borrowed look at a record: valid while its stripe is locked and not written to.
public struct RecordView {
    /// The record's own copy of the key.
    public let key: UnsafeRawBufferPointer
    /// Empty for markers.
    public let value: UnsafeRawBufferPointer
    /// Of the write that made the record.
    public let version: Version
    /// The deadline in milliseconds since 1970; 0 = never, and for deleted records.
    public let expiresAt: UInt64
    /// Live as long as no write or sweep has said otherwise, deadline or not.
    public let kind: RecordKind

    @inlinable
    init(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        version: Version,
        expiresAt: UInt64,
        kind: RecordKind
    ) {
        self.key = key
        self.value = value
        self.version = version
        self.expiresAt = expiresAt
        self.kind = kind
    }
}

/// What became of a record that was merged into a table.
public enum MergeOutcome: Equatable, Sendable {
    /// It is in place now.
    case stored
    /// A record of the same version is there already: this was a retry.
    case unchanged
    /// A greater version is in place and stays.
    case superseded(Version)
    /// There is no memory for it: what was in place stays.
    case outOfMemory
}
