internal import CKeyValueProto
internal import CProtobufC
package import KVCore

/// Packs responses straight into a connection's output: header and payload in one run. Owned by one thread.
package final class ResponseWriter {
    private let getResponse: UnsafeMutablePointer<Kv__GetResponse>
    private let setResponse: UnsafeMutablePointer<Kv__SetResponse>
    /// In raw memory, as the rest: a variable of a class is guarded at run time.
    private let loadStorage: UnsafeMutablePointer<UInt16>

    package init() {
        getResponse = .allocate(capacity: 1)
        kv__get_response__init(getResponse)
        setResponse = .allocate(capacity: 1)
        kv__set_response__init(setResponse)
        loadStorage = .allocate(capacity: 1)
        loadStorage.initialize(to: 0)
    }

    deinit {
        getResponse.deallocate()
        setResponse.deallocate()
        loadStorage.deallocate()
    }

    /// What the next response's header says of this server's load: how many were answered before it in this pass. Each adds itself.
    package var load: UInt16 {
        get { loadStorage.pointee }
        set { loadStorage.pointee = newValue }
    }

    /// For the header of a response that is written now.
    package func takeLoad() -> UInt16 {
        let load = loadStorage.pointee
        loadStorage.pointee = load == .max ? load : load + 1
        return load
    }

    /// A Get's answer without metadata. `value` nil = not found. Written field by field, as protobuf-c would: it spends most
    /// of its time on the fields that are not there.
    package func get(_ requestID: UInt32, value: UnsafeRawBufferPointer?, to output: OutputBuffer) {
        let count = value?.count ?? 0
        let bytes = output.reserve(FrameHeader.byteCount + 32 + count)
        var end = bytes + FrameHeader.byteCount
        if let value, let source = value.baseAddress, count > 0 {
            end.storeBytes(of: 1 << 3 | 2, as: UInt8.self)
            end = Self.writeVarint(count, at: end + 1)
            end.copyMemory(from: source, byteCount: count)
            end += count
        }
        if value != nil {
            end.storeBytes(of: 2 << 3 | 0, as: UInt8.self)
            end.storeBytes(of: 1, toByteOffset: 1, as: UInt8.self)
            end += 2
        }
        finish(requestID, end - bytes - FrameHeader.byteCount, bytes, output)
    }

    /// A Get's answer with metadata; `version` is `.none` where the key has no record.
    package func get(
        _ requestID: UInt32,
        value: UnsafeRawBufferPointer?,
        wasFound: Bool,
        version: Version,
        expiresAt: UInt64,
        kind: RecordKind,
        ttlMillisecondsRemaining: Int64,
        to output: OutputBuffer
    ) {
        getResponse.pointee.version_time = version.time
        getResponse.pointee.version_writer = version.writer
        getResponse.pointee.expires_at_ms = expiresAt
        getResponse.pointee.kind = Kv__RecordKind(UInt32(kind.rawValue))
        getResponse.pointee.ttl_ms_remaining = ttlMillisecondsRemaining
        let bytes = output.reserve(FrameHeader.byteCount + 96 + (value?.count ?? 0))
        getResponse.pointee.value = ProtobufCBinaryData(viewing: value ?? UnsafeRawBufferPointer(start: nil, count: 0))
        getResponse.pointee.was_found = wasFound ? 1 : 0
        let packed = kv__get_response__pack(
            getResponse,
            (bytes + FrameHeader.byteCount).assumingMemoryBound(to: UInt8.self)
        )
        kv__get_response__init(getResponse)
        finish(requestID, packed, bytes, output)
    }

    /// The answer to a Set or Delete: `superseded` is the greater version in place, `.none` if this one was taken.
    package func mutation(_ requestID: UInt32, superseded: Version = .none, to output: OutputBuffer) {
        let bytes = output.reserve(FrameHeader.byteCount + 32)
        if superseded.isNone { return finish(requestID, 0, bytes, output) }
        // SetResponse and DeleteResponse have the same fields.
        setResponse.pointee.current_version_time = superseded.time
        setResponse.pointee.current_version_writer = superseded.writer
        let packed = kv__set_response__pack(
            setResponse,
            (bytes + FrameHeader.byteCount).assumingMemoryBound(to: UInt8.self)
        )
        finish(requestID, packed, bytes, output)
    }

    package func response(_ requestID: UInt32, _ message: some Message, to output: OutputBuffer) {
        let bytes = output.reserve(FrameHeader.byteCount + message.maxEncodedBytes)
        finish(requestID, message.encode(to: bytes + FrameHeader.byteCount), bytes, output)
    }

    package func error(_ requestID: UInt32, _ error: RPCError, to output: OutputBuffer) {
        let bytes = output.reserve(FrameHeader.byteCount + error.maxEncodedBytes)
        let packed = error.encode(to: bytes + FrameHeader.byteCount)
        let header = FrameHeader(
            type: .response,
            code: error.headerCode,
            requestID: requestID,
            auxiliary: UInt32(takeLoad()) | UInt32(error.retryAfterMilliseconds) << 16,
            payloadLength: packed
        )
        header.write(to: bytes)
        output.commit(FrameHeader.byteCount + packed)
    }

    /// Returns the address behind the number.
    @inline(__always)
    private static func writeVarint(_ number: Int, at start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        var (rest, end) = (UInt(bitPattern: number), start)
        while rest >= 0x80 {
            end.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            rest >>= 7
            end += 1
        }
        end.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        return end + 1
    }

    @inline(__always)
    private func finish(_ requestID: UInt32, _ packed: Int, _ bytes: UnsafeMutableRawPointer, _ output: OutputBuffer) {
        FrameHeader(type: .response, requestID: requestID, auxiliary: UInt32(takeLoad()), payloadLength: packed)
            .write(to: bytes)
        output.commit(FrameHeader.byteCount + packed)
    }
}
