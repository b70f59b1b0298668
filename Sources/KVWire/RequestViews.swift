internal import CKeyValueProto
internal import CProtobufC
package import KVCore

/// The requests of the hot path as the server reads them: their bytes point into the decoder's arena and hold until
/// it is reset.
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

/// Unpacks the requests of one batch at a time. Owned by one thread.
package final class RequestDecoder {
    private let arena: Arena
    private let cAllocator: UnsafeMutablePointer<ProtobufCAllocator>

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

    package func get(_ payload: UnsafeRawBufferPointer) -> GetView? {
        guard let message = kv__get_request__unpack(cAllocator, payload.count, start(payload)) else { return nil }
        return GetView(
            key: message.pointee.key.view,
            view: message.pointee.view,
            withMetadata: message.pointee.with_metadata != 0,
            metadataOnly: message.pointee.metadata_only != 0
        )
    }

    package func set(_ payload: UnsafeRawBufferPointer) -> MutationView? {
        guard let message = kv__set_request__unpack(cAllocator, payload.count, start(payload)) else { return nil }
        return MutationView(
            kind: .live,
            key: message.pointee.key.view,
            value: message.pointee.value.view,
            ttlMilliseconds: message.pointee.ttl_ms,
            view: message.pointee.view,
            version: Version(time: message.pointee.version_time, writer: message.pointee.version_writer),
            expiresAt: message.pointee.expires_at_ms,
            opClockMilliseconds: message.pointee.op_clock_ms
        )
    }

    package func delete(_ payload: UnsafeRawBufferPointer) -> MutationView? {
        guard let message = kv__delete_request__unpack(cAllocator, payload.count, start(payload)) else { return nil }
        return MutationView(
            kind: .deleted,
            key: message.pointee.key.view,
            value: UnsafeRawBufferPointer(start: nil, count: 0),
            ttlMilliseconds: 0,
            view: message.pointee.view,
            version: Version(time: message.pointee.version_time, writer: message.pointee.version_writer),
            expiresAt: 0,
            opClockMilliseconds: message.pointee.op_clock_ms
        )
    }

    @inline(__always)
    private func start(_ payload: UnsafeRawBufferPointer) -> UnsafePointer<UInt8>? {
        payload.baseAddress?.assumingMemoryBound(to: UInt8.self)
    }
}
