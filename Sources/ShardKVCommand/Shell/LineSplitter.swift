/// Cuts a stream of bytes into lines, without their newline; a carriage return before it is dropped too.
struct LineSplitter {
    enum Line: Equatable {
        case text([UInt8])
        /// Longer than the limit; its bytes were thrown away as they came, so memory stays bounded.
        case tooLong
    }

    static let defaultMaxLineBytes = 100 << 20

    private let maxLineBytes: Int
    private var buffer: [UInt8] = []
    /// Where the first line that was not handed out begins.
    private var start = 0
    /// Up to here there is no newline: no byte is looked at twice, however the stream is cut.
    private var scanned = 0
    private var isDiscarding = false

    init(maxLineBytes: Int = defaultMaxLineBytes) {
        self.maxLineBytes = maxLineBytes
    }

    mutating func append(_ bytes: some Collection<UInt8>) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 20)
            (start, scanned) = (0, 0)
        } else if start > 1 << 16, start > buffer.count / 2 {
            buffer.removeFirst(start)
            (start, scanned) = (0, scanned - start)
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole line; nil = more bytes are needed.
    mutating func next() -> Line? {
        if let newline = buffer[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
            defer { (start, scanned, isDiscarding) = (newline + 1, newline + 1, false) }
            return line(upTo: newline)
        }
        scanned = buffer.count
        if buffer.count - start > maxLineBytes + 1 {
            isDiscarding = true
            buffer = []
            (start, scanned) = (0, 0)
        }
        return nil
    }

    /// What stands after the last newline, at the end of the stream; nil if nothing does.
    mutating func finish() -> Line? {
        guard start < buffer.count || isDiscarding else { return nil }
        defer { (start, scanned, isDiscarding) = (buffer.count, buffer.count, false) }
        return line(upTo: buffer.count)
    }

    private func line(upTo end: Int) -> Line {
        var end = end
        if end > start, buffer[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return isDiscarding || end - start > maxLineBytes ? .tooLong : .text(Array(buffer[start..<end]))
    }
}
