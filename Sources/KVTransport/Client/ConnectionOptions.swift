package import KVWire

/// How a client's connections behave.
package struct ConnectionOptions: Sendable {
    /// The longest from the first attempt to connect to the server's HELLO.
    package var connectTimeoutMilliseconds: Int64 = 1000
    /// A connection on which nothing arrived for this long, while answers were due, is given up when a call times out.
    package var silenceMilliseconds: Int64 = 5000
    /// A longer answer fails its call.
    package var maxResponseBytes = 128 << 20
    /// The most bytes that wait to be written; a call beyond them fails.
    package var maxQueuedBytes = 256 << 20
    package var connectionsPerNode = 1
    /// Called on an event loop for each HELLO.
    package var onHello: @Sendable (_ node: String, Hello) -> Void = { _, _ in }
    /// Called on an event loop after each batch of answers, with the load that the last one told (0…65535); the seam for
    /// load-aware balancing.
    package var onLoad: (@Sendable (_ node: String, UInt16) -> Void)?

    package init() {}
}
