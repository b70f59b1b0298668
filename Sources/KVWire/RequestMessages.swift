internal import CKeyValueProto
internal import CProtobufC
package import KVCore

/// The requests of the hot path as a client sends them.
package struct GetRequest: RequestMessage {
    package typealias Response = GetResponse
    package static let method = Method.get

    package var key: [UInt8]
    package var view: UInt64
    package var withMetadata: Bool
    package var metadataOnly: Bool

    package init(key: [UInt8], view: UInt64 = 0, withMetadata: Bool = false, metadataOnly: Bool = false) {
        self.key = key
        self.view = view
        self.withMetadata = withMetadata
        self.metadataOnly = metadataOnly
    }

    package var maxEncodedBytes: Int { key.count + 32 }

    package func encode(to bytes: UnsafeMutableRawPointer) -> Int {
        var message = Kv__GetRequest()
        kv__get_request__init(&message)
        message.view = view
        message.with_metadata = withMetadata ? 1 : 0
        message.metadata_only = metadataOnly ? 1 : 0
        return key.withUnsafeBytes { key in
            message.key = ProtobufCBinaryData(viewing: key)
            return kv__get_request__pack(&message, bytes.assumingMemoryBound(to: UInt8.self))
        }
    }

    package init(decoding bytes: UnsafeRawBufferPointer) throws(RPCError) {
        let decoder = RequestDecoder(arenaBytes: RequestDecoder.arenaBytes(for: bytes.count))
        guard let view = decoder.get(bytes) else {
            throw RPCError(.invalidArgument, "the payload is not a GetRequest")
        }
        self.init(
            key: Array(view.key),
            view: view.view,
            withMetadata: view.withMetadata,
            metadataOnly: view.metadataOnly
        )
    }
}

package struct SetRequest: RequestMessage {
    package typealias Response = MutationResponse
    package static let method = Method.set

    package var key: [UInt8]
    package var value: [UInt8]
    /// Used where `expiresAt` is 0. Negative is refused by servers.
    package var ttlMilliseconds: Int64
    package var view: UInt64
    package var version: Version
    package var expiresAt: UInt64
    package var opClockMilliseconds: UInt64

    package init(
        key: [UInt8],
        value: [UInt8],
        ttlMilliseconds: Int64 = 0,
        view: UInt64 = 0,
        version: Version = .none,
        expiresAt: UInt64 = 0,
        opClockMilliseconds: UInt64 = 0
    ) {
        self.key = key
        self.value = value
        self.ttlMilliseconds = ttlMilliseconds
        self.view = view
        self.version = version
        self.expiresAt = expiresAt
        self.opClockMilliseconds = opClockMilliseconds
    }

    package var maxEncodedBytes: Int { key.count + value.count + 80 }

    package func encode(to bytes: UnsafeMutableRawPointer) -> Int {
        var message = Kv__SetRequest()
        kv__set_request__init(&message)
        message.ttl_ms = ttlMilliseconds
        message.view = view
        message.version_time = version.time
        message.version_writer = version.writer
        message.expires_at_ms = expiresAt
        message.op_clock_ms = opClockMilliseconds
        return key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                message.key = ProtobufCBinaryData(viewing: key)
                message.value = ProtobufCBinaryData(viewing: value)
                return kv__set_request__pack(&message, bytes.assumingMemoryBound(to: UInt8.self))
            }
        }
    }

    package init(decoding bytes: UnsafeRawBufferPointer) throws(RPCError) {
        let decoder = RequestDecoder(arenaBytes: RequestDecoder.arenaBytes(for: bytes.count))
        guard let view = decoder.set(bytes) else {
            throw RPCError(.invalidArgument, "the payload is not a SetRequest")
        }
        self.init(
            key: Array(view.key),
            value: Array(view.value),
            ttlMilliseconds: view.ttlMilliseconds,
            view: view.view,
            version: view.version,
            expiresAt: view.expiresAt,
            opClockMilliseconds: view.opClockMilliseconds
        )
    }
}

package struct DeleteRequest: RequestMessage {
    package typealias Response = MutationResponse
    package static let method = Method.delete

    package var key: [UInt8]
    package var view: UInt64
    package var version: Version
    package var opClockMilliseconds: UInt64

    package init(key: [UInt8], view: UInt64 = 0, version: Version = .none, opClockMilliseconds: UInt64 = 0) {
        self.key = key
        self.view = view
        self.version = version
        self.opClockMilliseconds = opClockMilliseconds
    }

    package var maxEncodedBytes: Int { key.count + 48 }

    package func encode(to bytes: UnsafeMutableRawPointer) -> Int {
        var message = Kv__DeleteRequest()
        kv__delete_request__init(&message)
        message.view = view
        message.version_time = version.time
        message.version_writer = version.writer
        message.op_clock_ms = opClockMilliseconds
        return key.withUnsafeBytes { key in
            message.key = ProtobufCBinaryData(viewing: key)
            return kv__delete_request__pack(&message, bytes.assumingMemoryBound(to: UInt8.self))
        }
    }

    package init(decoding bytes: UnsafeRawBufferPointer) throws(RPCError) {
        let decoder = RequestDecoder(arenaBytes: RequestDecoder.arenaBytes(for: bytes.count))
        guard let view = decoder.delete(bytes) else {
            throw RPCError(.invalidArgument, "the payload is not a DeleteRequest")
        }
        self.init(
            key: Array(view.key),
            view: view.view,
            version: view.version,
            opClockMilliseconds: view.opClockMilliseconds
        )
    }
}
