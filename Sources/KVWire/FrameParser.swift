/// The one decode step: bytes in; a frame, "more bytes are needed", or a frame that is too large out.
package enum FrameParser {
    package enum Step {
        /// `payload` points into the input.
        case frame(FrameHeader, payload: UnsafeRawBufferPointer)
        /// The frame at the start of the input takes this many bytes in all, as far as is known yet.
        case incomplete(bytesNeeded: Int)
        /// The payload is longer than allowed; nothing of it was looked at.
        case tooLarge(FrameHeader)
    }

    /// Looks at the frame at the start of `input`. The length is checked before anything is sliced.
    @inlinable @inline(__always)
    package static func next(_ input: UnsafeRawBufferPointer, maxPayloadBytes: Int) -> Step {
        guard input.count >= FrameHeader.byteCount, let start = input.baseAddress else {
            return .incomplete(bytesNeeded: FrameHeader.byteCount)
        }
        let header = FrameHeader(reading: start)
        let length = Int(header.payloadLength)
        if length > maxPayloadBytes { return .tooLarge(header) }
        if input.count - FrameHeader.byteCount < length {
            return .incomplete(bytesNeeded: FrameHeader.byteCount + length)
        }
        return .frame(
            header,
            payload: UnsafeRawBufferPointer(start: start + FrameHeader.byteCount, count: length)
        )
    }
}
