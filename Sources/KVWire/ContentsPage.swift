package import KVCore

/// Writes a GetShardContentsResponse record by record into the output, straight from where the records are: a page of small records
/// would otherwise cost several allocations for each, on the thread that answers requests.
///
/// The field numbers are those of kv.proto; a test decodes the pages with the generated code.
package struct ContentsPage {
    private let output: OutputBuffer
    private let start: Int
    private let maxPayloadBytes: Int
    /// The payload grew past the limit: what was written is not a response.
    package private(set) var isTooLarge = false

    private static let varintBytesMax = 10
    /// Tags, lengths and the fields of fixed size of one record.
    private static let recordOverheadMax = 96

    /// Begins a frame at the output's end.
    package init(to output: OutputBuffer, maxPayloadBytes: Int) {
        self.output = output
        self.maxPayloadBytes = maxPayloadBytes
        start = output.count
        _ = output.reserve(FrameHeader.byteCount)
        output.commit(FrameHeader.byteCount)
    }

    private var payloadBytes: Int { output.count - start - FrameHeader.byteCount }

    /// - Parameter value: empty for a marker.
    package mutating func append(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        version: Version,
        expiresAt: UInt64,
        kind: RecordKind,
        now: UInt64
    ) {
        if isTooLarge { return }
        let remaining = kind == .live ? TimeToLive.remainingMilliseconds(deadline: expiresAt, now: now) : 0
        var bytes = 1 + Pen.varintBytes(UInt64(key.count)) + key.count + 18
        if !value.isEmpty { bytes += 1 + Pen.varintBytes(UInt64(value.count)) + value.count }
        if remaining != 0 { bytes += 1 + Pen.varintBytes(UInt64(remaining)) }
        if expiresAt != 0 { bytes += 9 }
        if kind != .live { bytes += 2 }
        if payloadBytes + bytes + Self.recordOverheadMax > maxPayloadBytes {
            isTooLarge = true
            return
        }
        var pen = Pen(output.reserve(bytes + 2 * Self.varintBytesMax))
        pen.length(field: 1, bytes)
        pen.bytes(field: 1, key)
        if !value.isEmpty { pen.bytes(field: 2, value) }
        if remaining != 0 { pen.varint(field: 3, UInt64(remaining)) }
        pen.fixed(field: 4, version.time)
        pen.fixed(field: 5, version.writer)
        if expiresAt != 0 { pen.fixed(field: 6, expiresAt) }
        if kind != .live { pen.varint(field: 7, UInt64(kind.rawValue)) }
        output.commit(pen.written)
    }

    /// Ends the frame. An empty token = this was the last page.
    package func finish(_ requestID: UInt32, nextPageToken: [UInt8], load: UInt16) {
        if !nextPageToken.isEmpty {
            var pen = Pen(output.reserve(nextPageToken.count + 2 * Self.varintBytesMax))
            nextPageToken.withUnsafeBytes { pen.bytes(field: 2, $0) }
            output.commit(pen.written)
        }
        FrameHeader(type: .response, requestID: requestID, auxiliary: UInt32(load), payloadLength: payloadBytes)
            .write(to: output.base + start)
    }

    /// Takes back what was written.
    package func discard() { output.truncate(to: start) }
}

/// Writes protobuf's fields into memory that has room for them.
private struct Pen {
    private let start: UnsafeMutableRawPointer
    private(set) var position: UnsafeMutableRawPointer

    init(_ start: UnsafeMutableRawPointer) {
        self.start = start
        position = start
    }

    var written: Int { position - start }

    static func varintBytes(_ number: UInt64) -> Int {
        max(1, (64 - number.leadingZeroBitCount + 6) / 7)
    }

    mutating func bytes(field: UInt8, _ bytes: UnsafeRawBufferPointer) {
        length(field: field, bytes.count)
        guard let source = bytes.baseAddress else { return }
        position.copyMemory(from: source, byteCount: bytes.count)
        position += bytes.count
    }

    mutating func length(field: UInt8, _ count: Int) {
        byte(field << 3 | 2)
        varint(UInt64(count))
    }

    mutating func varint(field: UInt8, _ number: UInt64) {
        byte(field << 3)
        varint(number)
    }

    mutating func fixed(field: UInt8, _ number: UInt64) {
        byte(field << 3 | 1)
        position.storeBytes(of: number.littleEndian, as: UInt64.self)
        position += 8
    }

    private mutating func varint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(rest))
    }

    private mutating func byte(_ value: UInt8) {
        position.storeBytes(of: value, as: UInt8.self)
        position += 1
    }
}
