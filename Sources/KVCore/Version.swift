/// Orders the writes of one key: the greatest version is the value. Shape: 16 bytes, compared `time` first.
///
/// `time` is a hybrid logical clock: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16.
/// `writer` is a random number of the process that stamped it, so that no two writes share a version.
package struct Version: Sendable, Hashable, Comparable {
    package var time: UInt64
    package var writer: UInt64

    /// "No version": the stamp of a request whose sender leaves stamping to the server. Below every real one.
    package static let none = Version(time: 0, writer: 0)

    @inlinable
    package init(time: UInt64, writer: UInt64) {
        self.time = time
        self.writer = writer
    }

    @inlinable
    package init(milliseconds: UInt64, counter: UInt16 = 0, writer: UInt64) {
        self.init(time: milliseconds << 16 | UInt64(counter), writer: writer)
    }

    /// The clock's milliseconds since 1970.
    @inlinable
    package var milliseconds: UInt64 { time >> 16 }

    @inlinable
    package var isNone: Bool { time == 0 && writer == 0 }

    @inlinable
    package static func < (left: Version, right: Version) -> Bool {
        left.time != right.time ? left.time < right.time : left.writer < right.writer
    }
}
