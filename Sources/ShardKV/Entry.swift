/// A value with what is known about it.
public struct Entry: Hashable, Sendable {
    /// The bytes that were set; may be empty.
    public let value: [UInt8]
    /// What is left of the time to live, in whole milliseconds, rounded up; nil = never expires.
    public let ttl: Duration?
}
