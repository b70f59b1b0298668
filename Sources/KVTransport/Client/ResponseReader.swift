internal import KVWire
internal import NIOCore

/// Cuts what a server sent into frames, without I/O. A frame's payload shares the memory of the read that brought it.
///
/// A frame longer than allowed is the server's fault: its payload is skipped, not stored.
struct ResponseReader {
    struct Frame {
        var header: FrameHeader
        var payload: ByteBuffer
        /// The payload was left out.
        var isTooLarge = false
    }

    private var rest: ByteBuffer?
    private var bytesToSkip = 0
    private let maxPayloadBytes: Int

    init(maxPayloadBytes: Int) {
        self.maxPayloadBytes = maxPayloadBytes
    }

    /// Appends to `frames` all that `bytes` completes.
    mutating func receive(_ bytes: ByteBuffer, _ frames: inout [Frame]) {
        var input = bytes
        if rest != nil {
            rest!.writeBuffer(&input)
            input = rest.take()!
        }
        while true {
            if bytesToSkip > 0 {
                let skipped = min(bytesToSkip, input.readableBytes)
                input.moveReaderIndex(forwardBy: skipped)
                bytesToSkip -= skipped
            }
            if input.readableBytes == 0 { return }
            let step = input.withUnsafeReadableBytes {
                bytes -> (header: FrameHeader?, isTooLarge: Bool, bytesNeeded: Int) in
                switch FrameParser.next(bytes, maxPayloadBytes: maxPayloadBytes) {
                case .frame(let header, _): (header: header, isTooLarge: false, bytesNeeded: 0)
                case .tooLarge(let header): (header: header, isTooLarge: true, bytesNeeded: 0)
                case .incomplete(let bytesNeeded): (header: nil, isTooLarge: false, bytesNeeded: bytesNeeded)
                }
            }
            guard let header = step.header else {
                keep(input, bytesNeeded: step.bytesNeeded)
                return
            }
            input.moveReaderIndex(forwardBy: FrameHeader.byteCount)
            if step.isTooLarge {
                bytesToSkip = Int(header.payloadLength)
                frames.append(Frame(header: header, payload: ByteBuffer(), isTooLarge: true))
            } else {
                let length = Int(header.payloadLength)
                let payload = length == 0 ? ByteBuffer() : input.readSlice(length: length)!
                frames.append(Frame(header: header, payload: payload))
            }
        }
    }

    /// Keeps an incomplete frame in memory of its own, with room for all of it.
    private mutating func keep(_ input: ByteBuffer, bytesNeeded: Int) {
        if input.readerIndex == 0 && input.capacity >= bytesNeeded {
            rest = input
            return
        }
        var rest = ByteBufferAllocator().buffer(capacity: bytesNeeded)
        rest.writeImmutableBuffer(input)
        self.rest = rest
    }
}
