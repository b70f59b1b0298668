import Glibc

/// Standard output and standard error, unbuffered: what was written has left the process.
enum StandardStream: Int32 {
    case input = 0
    case output = 1
    case error = 2

    var isTerminal: Bool { isatty(rawValue) == 1 }

    /// Writes all bytes, or throws what the system said.
    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        try Self.write(bytes, to: rawValue)
    }

    /// As `write`, to any open file.
    static func write(_ bytes: [UInt8], to descriptor: Int32) throws(CommandFailure) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written) }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                // A terminal or pipe that another process made non-blocking.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                throw CommandFailure("cannot write: \(String(cString: strerror(errno)))")
            }
        }
    }

    func write(_ text: String) throws(CommandFailure) {
        try write(Array(text.utf8))
    }

    /// A line for whoever watches; if standard error is gone there is nobody left to tell.
    static func note(_ line: String) {
        try? StandardStream.error.write(line + "\n")
    }
}
