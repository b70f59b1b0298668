internal import CKeyValueProto
internal import CProtobufC
package import KVCore

package struct GetResponse: Message, Hashable {
    package var value: [UInt8]
    package var wasFound: Bool
    /// With metadata only: 0 = never expires.
    package var ttlMillisecondsRemaining: Int64
    /// With metadata only: `.none` = the key has no record.
    package var version: Version
    package var expiresAt: UInt64
    package var kind: RecordKind

    package init(
        value: [UInt8] = [],
        wasFound: Bool,
        ttlMillisecondsRemaining: Int64 = 0,
        version: Version = .none,
        expiresAt: UInt64 = 0,
        kind: RecordKind = .live
    ) {
        self.value = value
        self.wasFound = wasFound
        self.ttlMillisecondsRemaining = ttlMillisecondsRemaining
        self.version = version
        self.expiresAt = expiresAt
        self.kind = kind
    }

    package var maxEncodedBytes: Int { value.count + 96 }

    package func encode(to bytes: UnsafeMutableRawPointer) -> Int {
        var message = Kv__GetResponse()
        kv__get_response__init(&message)
        message.was_found = wasFound ? 1 : 0
        message.ttl_ms_remaining = ttlMillisecondsRemaining
        message.version_time = version.time
        message.version_writer = version.writer
        message.expires_at_ms = expiresAt
        message.kind = Kv__RecordKind(UInt32(kind.rawValue))
        return value.withUnsafeBytes { value in
            message.value = ProtobufCBinaryData(viewing: value)
            return kv__get_response__pack(&message, bytes.assumingMemoryBound(to: UInt8.self))
        }
    }

    package init(decoding bytes: UnsafeRawBufferPointer) throws(RPCError) {
        if let usual = Self(reading: bytes) { self = usual } else { self = try Self(unpacking: bytes) }
    }

    /// Reads a payload as servers write it; nil for any other, about which protobuf-c decides.
    init?(reading bytes: UnsafeRawBufferPointer) {
        guard var fields = FieldReader(bytes) else { return nil }
        let value = fields.bytes(1)
        wasFound = fields.bool(2)
        ttlMillisecondsRemaining = fields.int64(3)
        version = Version(time: fields.fixed64(4), writer: fields.fixed64(5))
        expiresAt = fields.fixed64(6)
        guard let kind = RecordKind(rawValue: UInt8(truncatingIfNeeded: fields.int64(7))), fields.isAtEnd else {
            return nil
        }
        self.kind = kind
        self.value = Array(value)
    }

    init(unpacking bytes: UnsafeRawBufferPointer) throws(RPCError) {
        guard
            let message = kv__get_response__unpack(
                nil,
                bytes.count,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
        else { throw RPCError(.internal, "the payload is not a GetResponse") }
        defer { kv__get_response__free_unpacked(message, nil) }
        self.init(
            value: Array(message.pointee.value.view),
            wasFound: message.pointee.was_found != 0,
            ttlMillisecondsRemaining: message.pointee.ttl_ms_remaining,
            version: Version(time: message.pointee.version_time, writer: message.pointee.version_writer),
            expiresAt: message.pointee.expires_at_ms,
            kind: RecordKind(rawValue: UInt8(truncatingIfNeeded: message.pointee.kind.rawValue)) ?? .live
        )
    }
}

/// The answer to a Set and to a Delete, whose messages have the same fields.
package struct MutationResponse: Message, Hashable {
    /// The greater version that is in place, so that the write changed nothing; `.none` = the write was taken.
    package var superseded: Version

    package init(superseded: Version = .none) { self.superseded = superseded }

    package var maxEncodedBytes: Int { 32 }

    package func encode(to bytes: UnsafeMutableRawPointer) -> Int {
        var message = Kv__SetResponse()
        kv__set_response__init(&message)
        message.current_version_time = superseded.time
        message.current_version_writer = superseded.writer
        return kv__set_response__pack(&message, bytes.assumingMemoryBound(to: UInt8.self))
    }

    package init(decoding bytes: UnsafeRawBufferPointer) throws(RPCError) {
        if bytes.isEmpty {
            superseded = .none
            return
        }
        guard
            let message = kv__set_response__unpack(
                nil,
                bytes.count,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
        else { throw RPCError(.internal, "the payload is not a SetResponse") }
        defer { kv__set_response__free_unpacked(message, nil) }
        superseded = Version(
            time: message.pointee.current_version_time,
            writer: message.pointee.current_version_writer
        )
    }
}
