/// What a server answers, or a connection reports, in place of a response.
package struct RPCError: Error, Sendable, Hashable, CustomStringConvertible {
    package var code: StatusCode
    package var reason: Reason
    package var message: String
    /// Wait this long before trying again; 0 = the server says nothing about it.
    package var retryAfterMilliseconds: UInt16
    /// The server's clock when it answered; 0 = unknown.
    package var serverTimeMilliseconds: UInt64
    /// The shard's owners as the server knows them.
    package var view: View?

    package init(
        _ code: StatusCode,
        _ message: String,
        reason: Reason = .none,
        retryAfterMilliseconds: UInt16 = 0,
        serverTimeMilliseconds: UInt64 = 0,
        view: View? = nil
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.serverTimeMilliseconds = serverTimeMilliseconds
        self.view = view
    }

    package var description: String { "\(code.name): \(message)" }
}
