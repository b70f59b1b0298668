/// Orders the writes of one key: the greatest version is the value. Shape: 16 bytes, compared `time` first.
///
/// `time` is a hybrid logical clock: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16.
/// `writer` is a random number of the process that stamped it, so that no two writes share a version.
public struct Version: Sendable, Hashable, Comparable {
    /// The hybrid logical clock.
    public var time: UInt64
    /// A random number of the process that stamped the version.
    public var writer: UInt64

    /// "No version": the stamp of a request whose sender leaves stamping to the server. Below every real one.
    @inlinable public static var none: Version { Version(time: 0, writer: 0) }

    /// A version as it was stamped elsewhere.
    @inlinable
    public init(time: UInt64, writer: UInt64) {
        self.time = time
        self.writer = writer
    }

    /// A version stamped at `milliseconds` since 1970.
    @inlinable
    public init(milliseconds: UInt64, counter: UInt16 = 0, writer: UInt64) {
        self.init(time: milliseconds << 16 | UInt64(counter), writer: writer)
    }

    /// The clock's milliseconds since 1970.
    @inlinable
    public var milliseconds: UInt64 { time >> 16 }

    /// The server is to stamp the write.
    @inlinable
    public var isNone: Bool { time == 0 && writer == 0 }

    /// `time` first, then `writer`.
    @inlinable
    public static func < (left: Version, right: Version) -> Bool {
        left.time != right.time ? left.time < right.time : left.writer < right.writer
    }
}
