package import KVCore

/// Where a server listens, with how many threads, and what it spends at most on its connections.
package struct ServerConfiguration: Sendable {
    /// An address (`127.0.0.1`, `::1`) or a name that resolves to one.
    package var host: String
    /// 0 = any free port.
    package var port: UInt16
    /// Each thread runs a loop of its own; a connection stays with one of them.
    package var threadCount: Int
    package var limits: Limits

    /// Where a batch of responses, and so a connection's turn, ends: others wait for so much at most, and a client that never reads costs this
    /// and one response more.
    package var outputLimitBytes = 256 << 10
    /// All connections' incomplete frames together. Frames below `freeInputBytes` are not counted.
    package var inputBudgetBytes = 256 << 20
    /// All connections' unsent responses together.
    package var outputBudgetBytes = 1 << 30
    /// How many requests of a connection are answered before others have their turn.
    package var maxRequestsPerTurn = 1024
    /// How long a request may wait in a server that stays behind; those that have are refused. 0 = nothing is.
    package var maxWaitMilliseconds: UInt64 = 100
    /// nil = what the limit on open files leaves room for.
    package var maxConnections: Int?

    /// How long a new client may take to send the preface.
    package var prefaceTimeoutMilliseconds: UInt64 = 10_000
    /// How long a frame may rest incomplete without a byte arriving.
    package var frameTimeoutMilliseconds: UInt64 = 30_000
    /// How long a client may leave its responses unread.
    package var sendTimeoutMilliseconds: UInt64 = 30_000
    /// How long a connection that was refused is kept, so that the client can read why.
    package var lingerMilliseconds: UInt64 = 1_000
    /// How far the server's idea of the time is set wrong, for tests.
    package var clockOffsetMilliseconds: Int64 = 0

    /// What a connection may hold of an incomplete frame even when others have used up the budget.
    static let freeInputBytes = 4096

    package init(host: String, port: UInt16, threadCount: Int = 1, limits: Limits = Limits()) {
        precondition(threadCount > 0, "a server needs a thread")
        self.host = host
        self.port = port
        self.threadCount = threadCount
        self.limits = limits
    }
}
