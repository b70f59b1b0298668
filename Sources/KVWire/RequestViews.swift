package import KVCore

/// The requests of the hot path as the server reads them: their bytes point into the payload or into the decoder's arena,
/// and hold until either is reused.
package struct GetView {
    package var key: UnsafeRawBufferPointer
    package var view: UInt64
    package var withMetadata: Bool
    package var metadataOnly: Bool
}

/// A Set (`kind == .live`) or a Delete (`kind == .deleted`).
package struct MutationView {
    package var kind: RecordKind
    package var key: UnsafeRawBufferPointer
    package var value: UnsafeRawBufferPointer
    package var ttlMilliseconds: Int64
    package var view: UInt64
    package var version: Version
    package var expiresAt: UInt64
    package var opClockMilliseconds: UInt64
}
