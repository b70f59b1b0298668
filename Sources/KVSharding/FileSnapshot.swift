import Glibc

extension ShardMap {
    /// Reads a map once, from a file or, for `-`, from standard input. Every fault names the file.
    package init(path: String) throws(ShardMapError) {
        let content = path == "-" ? try FileSnapshot.readStandardInput() : try FileSnapshot(path: path).content
        do throws(ShardMapError) {
            try self.init(json: content)
        } catch {
            throw error.located(in: path)
        }
    }
}

/// A regular file's content, and what identifies that state of the file.
package struct FileSnapshot: Sendable {
    /// Equal as long as a path leads to the same file in the same state, as far as the file system's clock can tell.
    package struct Identity: Sendable, Equatable {
        private let device: UInt64
        private let inode: UInt64
        private let size: Int64
        private let modifiedSeconds: Int64
        private let modifiedNanoseconds: Int64

        /// What the path leads to now, through symbolic links; nil if nothing.
        package init?(path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.init(status)
        }

        fileprivate init?(descriptor: Int32) {
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            self.init(status)
        }

        private init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            modifiedSeconds = Int64(status.st_mtim.tv_sec)
            modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
        }

        /// Milliseconds since 1970; 0 for a time before.
        package var modifiedAtMilliseconds: UInt64 {
            modifiedSeconds < 0 ? 0 : UInt64(modifiedSeconds) &* 1000 &+ UInt64(modifiedNanoseconds / 1_000_000)
        }
    }

    package static let maxBytes = 128 << 20

    package let content: [UInt8]
    package let identity: Identity

    /// Never waits: a pipe or a device in the file's place is an error, not a read that hangs.
    package init(path: String) throws(ShardMapError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.unreadable(path) }
        defer { close(descriptor) }
        // A file that changes under the read may come out mixed; it is read again, within reason.
        var attempt = 0
        var (content, identity) = ([UInt8](), Identity?.none)
        repeat {
            identity = Identity(descriptor: descriptor)
            guard identity != nil else { throw ShardMapError(place: path, message: "not a regular file") }
            lseek(descriptor, 0, SEEK_SET)
            content = try Self.readAll(descriptor: descriptor, name: path)
            attempt += 1
        } while attempt < 3 && Identity(descriptor: descriptor) != identity
        self.content = content
        self.identity = identity!
    }

    /// Waits for the end of the input.
    package static func readStandardInput() throws(ShardMapError) -> [UInt8] {
        try readAll(descriptor: STDIN_FILENO, name: "-")
    }

    /// The bytes up to the end of the file, at most `maxBytes`.
    private static func readAll(descriptor: Int32, name: String) throws(ShardMapError) -> [UInt8] {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return content }
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(name)
            }
            content.append(contentsOf: chunk[..<count])
            guard content.count <= maxBytes else {
                throw ShardMapError(place: name, message: "larger than \(maxBytes >> 20) MiB")
            }
        }
    }

    private static func unreadable(_ name: String) -> ShardMapError {
        ShardMapError(place: name, message: "cannot be read: \(String(cString: strerror(errno)))")
    }
}
