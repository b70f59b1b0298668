import Dispatch
import Glibc

/// The lines of standard input. Reads on a thread of its own: a read that waits for a person must not hold one of the few
/// threads that run the client.
final class LineReader {
    private static let chunkBytes = 64 << 10

    private let queue = DispatchQueue(label: "shardkv.standard-input")
    private var splitter = LineSplitter()
    private var hasEnded = false

    /// The next line; nil at the end of the input.
    func next() async throws(CommandFailure) -> LineSplitter.Line? {
        while true {
            if let line = splitter.next() { return line }
            if hasEnded { return splitter.finish() }
            let chunk = try await withCheckedContinuation { continuation in
                queue.async { continuation.resume(returning: StandardStream.readChunk(maxBytes: Self.chunkBytes)) }
            }.get()
            if chunk.isEmpty { hasEnded = true }
            splitter.append(chunk)
        }
    }
}

extension StandardStream {
    /// Waits for some bytes of standard input; empty = its end.
    static func readChunk(maxBytes: Int) -> Result<[UInt8], CommandFailure> {
        while true {
            var failure: Int32 = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: maxBytes) { buffer, count in
                let result = read(StandardStream.input.rawValue, buffer.baseAddress, maxBytes)
                if result < 0 { failure = errno }
                count = max(0, result)
            }
            if failure == 0 { return .success(chunk) }
            if failure == EAGAIN {
                var descriptor = pollfd(fd: StandardStream.input.rawValue, events: Int16(POLLIN), revents: 0)
                poll(&descriptor, 1, -1)
            } else if failure != EINTR {
                return .failure(CommandFailure("cannot read standard input: \(String(cString: strerror(failure)))"))
            }
        }
    }

    /// All of standard input.
    static func readInput() throws(CommandFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let chunk = try readChunk(maxBytes: 64 << 10).get()
            if chunk.isEmpty { return bytes }
            bytes += chunk
        }
    }
}
