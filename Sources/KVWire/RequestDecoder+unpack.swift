internal import CKeyValueProto
internal import CProtobufC
internal import KVCore

/// The general way to decode a request: protobuf-c, into the arena. Each is false if the payload is not such a request, or there
/// is no room.
extension RequestDecoder {
    @inline(never)
    func unpackGet(_ payload: UnsafeRawBufferPointer, into view: UnsafeMutablePointer<GetView>) -> Bool {
        guard let message = kv__get_request__unpack(cAllocator, payload.count, start(payload)) else { return false }
        view.initialize(
            to: GetView(
                key: message.pointee.key.view,
                view: message.pointee.view,
                withMetadata: message.pointee.with_metadata != 0,
                metadataOnly: message.pointee.metadata_only != 0
            )
        )
        return true
    }

    @inline(never)
    func unpackSet(_ payload: UnsafeRawBufferPointer, into view: UnsafeMutablePointer<MutationView>) -> Bool {
        guard let message = kv__set_request__unpack(cAllocator, payload.count, start(payload)) else { return false }
        view.initialize(
            to: MutationView(
                kind: .live,
                key: message.pointee.key.view,
                value: message.pointee.value.view,
                ttlMilliseconds: message.pointee.ttl_ms,
                view: message.pointee.view,
                version: Version(time: message.pointee.version_time, writer: message.pointee.version_writer),
                expiresAt: message.pointee.expires_at_ms,
                opClockMilliseconds: message.pointee.op_clock_ms
            )
        )
        return true
    }

    @inline(never)
    func unpackDelete(_ payload: UnsafeRawBufferPointer, into view: UnsafeMutablePointer<MutationView>) -> Bool {
        guard let message = kv__delete_request__unpack(cAllocator, payload.count, start(payload)) else { return false }
        view.initialize(
            to: MutationView(
                kind: .deleted,
                key: message.pointee.key.view,
                value: UnsafeRawBufferPointer(start: nil, count: 0),
                ttlMilliseconds: 0,
                view: message.pointee.view,
                version: Version(time: message.pointee.version_time, writer: message.pointee.version_writer),
                expiresAt: 0,
                opClockMilliseconds: message.pointee.op_clock_ms
            )
        )
        return true
    }

    @inline(__always)
    private func start(_ payload: UnsafeRawBufferPointer) -> UnsafePointer<UInt8>? {
        payload.baseAddress?.assumingMemoryBound(to: UInt8.self)
    }
}
