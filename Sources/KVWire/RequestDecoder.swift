internal import CProtobufC
internal import KVCore

/// Decodes the requests of one batch at a time. Payloads that our encoders write are read where they are; all others,
/// and so every question of what is valid, are protobuf-c's. Owned by one thread.
package final class RequestDecoder {
    private let arena: Arena
    let cAllocator: UnsafeMutablePointer<ProtobufCAllocator>

    package init(arenaBytes: Int = 256 << 10) {
        arena = Arena(capacity: arenaBytes)
        cAllocator = arena.allocator.assumingMemoryBound(to: ProtobufCAllocator.self)
    }

    /// Starts a batch whose first payload has this many bytes. Room for it alone is certain, unless it is a flood of
    /// fields that this version does not know: such a first request is malformed.
    package func reset(firstPayloadBytes: Int) {
        arena.reset(capacity: Self.arenaBytes(for: firstPayloadBytes))
    }

    /// An arena for one payload: its bytes, and what protobuf-c notes of a few hundred fields.
    static func arenaBytes(for payloadBytes: Int) -> Int { payloadBytes + (64 << 10) }

    /// The last decode failed for want of room, not for its content: start a new batch with that request. If it was
    /// the first of a batch already, it is malformed.
    package var isFull: Bool { arena.isOverflown }

    /// Decodes a GetRequest; false if `payload` is none, or there is no room (`isFull`).
    package func get(_ payload: UnsafeRawBufferPointer, into view: UnsafeMutablePointer<GetView>) -> Bool {
        if var fields = FieldReader(payload) {
            view.initialize(
                to: GetView(
                    key: fields.bytes(1),
                    view: fields.fixed64(2),
                    withMetadata: fields.bool(3),
                    metadataOnly: fields.bool(4)
                )
            )
            if fields.isAtEnd { return true }
        }
        return unpackGet(payload, into: view)
    }

    /// Decodes a SetRequest; false if `payload` is none, or there is no room (`isFull`).
    package func set(_ payload: UnsafeRawBufferPointer, into view: UnsafeMutablePointer<MutationView>) -> Bool {
        if var fields = FieldReader(payload) {
            view.initialize(
                to: MutationView(
                    kind: .live,
                    key: fields.bytes(1),
                    value: fields.bytes(2),
                    ttlMilliseconds: fields.int64(3),
                    view: fields.fixed64(4),
                    version: Version(time: fields.fixed64(5), writer: fields.fixed64(6)),
                    expiresAt: fields.fixed64(7),
                    opClockMilliseconds: fields.fixed64(8)
                )
            )
            if fields.isAtEnd { return true }
        }
        return unpackSet(payload, into: view)
    }

    /// Decodes a DeleteRequest; false if `payload` is none, or there is no room (`isFull`).
    package func delete(_ payload: UnsafeRawBufferPointer, into view: UnsafeMutablePointer<MutationView>) -> Bool {
        if var fields = FieldReader(payload) {
            view.initialize(
                to: MutationView(
                    kind: .deleted,
                    key: fields.bytes(1),
                    value: UnsafeRawBufferPointer(start: nil, count: 0),
                    ttlMilliseconds: 0,
                    view: fields.fixed64(4),
                    version: Version(time: fields.fixed64(5), writer: fields.fixed64(6)),
                    expiresAt: 0,
                    opClockMilliseconds: fields.fixed64(8)
                )
            )
            if fields.isAtEnd { return true }
        }
        return unpackDelete(payload, into: view)
    }

    package func get(_ payload: UnsafeRawBufferPointer) -> GetView? { decoded(payload, get(_:into:)) }
    package func set(_ payload: UnsafeRawBufferPointer) -> MutationView? { decoded(payload, set(_:into:)) }
    package func delete(_ payload: UnsafeRawBufferPointer) -> MutationView? { decoded(payload, delete(_:into:)) }

    private func decoded<View>(
        _ payload: UnsafeRawBufferPointer,
        _ decode: (UnsafeRawBufferPointer, UnsafeMutablePointer<View>) -> Bool
    ) -> View? {
        withUnsafeTemporaryAllocation(of: View.self, capacity: 1) { view in
            decode(payload, view.baseAddress!) ? view[0] : nil
        }
    }
}
