internal import KVWire

/// What a client makes of an error.
extension RPCError {
    /// The request itself is at fault, or its caller left: no other replica would answer otherwise.
    var endsCall: Bool { code == .invalidArgument || code == .cancelled }

    /// The replica said that it will pass, or the map that routed us there is being changed.
    var isTransient: Bool {
        switch reason {
        case .notReady, .moving, .draining, .overloaded, .notHosted, .wrongView: true
        default: retryAfterMilliseconds > 0
        }
    }

    /// The node did not answer: it is hung, dead, or cut off.
    package var isSilence: Bool { (code == .deadlineExceeded || code == .unavailable) && !isTransient }

    /// The replica may have executed the request all the same.
    var mayHaveExecuted: Bool { reason == .indeterminate }

    /// The stamp of a write was refused; a new one, by the server's clock, may not be.
    var refusesStamp: Bool { reason == .future || reason == .tooOld }
}

/// How long to wait before the next try.
enum RetryWait {
    /// The server's wish if it has one, else 10 ms, 20 ms, 40 ms … up to 160 ms.
    static func milliseconds(after error: RPCError, attempt: Int) -> UInt64 {
        error.retryAfterMilliseconds > 0 ? UInt64(error.retryAfterMilliseconds) : 10 << UInt64(min(attempt, 4))
    }
}
