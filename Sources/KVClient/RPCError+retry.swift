internal import KVWire

/// What a client makes of an error.
extension RPCError {
    /// The request itself is at fault, or its caller left: no other replica would answer otherwise.
    var endsCall: Bool { code == .invalidArgument || code == .cancelled }

    /// The shard's owners are others, or about to be: whoever is asked next is no repetition.
    var isRedirect: Bool {
        switch reason {
        case .notReady, .moving, .notHosted, .wrongView: true
        default: false
        }
    }

    /// The replica said that it will pass, or the map that routed us there is being changed.
    var isTransient: Bool {
        isRedirect || reason == .draining || reason == .overloaded || retryAfterMilliseconds > 0
    }

    /// The node did not answer: it is hung, dead, or cut off.
    package var isSilence: Bool { (code == .deadlineExceeded || code == .unavailable) && !isTransient }

    /// The node is to blame, not the request and not the routing.
    var isFaultOfNode: Bool { isSilence || code == .internal || code == .unknown || reason == .overloaded }

    /// The replica may have executed the request all the same.
    var mayHaveExecuted: Bool { reason == .indeterminate }

    /// It certainly did not leave for the node, so that another attempt adds no load.
    var isUnsent: Bool { code == .unavailable && !mayHaveExecuted && reason != .overloaded }

    /// The stamp of a write was refused; a new one, by the server's clock, may not be.
    var refusesStamp: Bool { reason == .future || reason == .tooOld }
}

/// Spreads retries of many callers, so that they do not come in step.
package struct Jitter: Sendable {
    /// A number from 0 to 1.
    package let fraction: @Sendable () -> Double

    package init(fraction: @escaping @Sendable () -> Double) { self.fraction = fraction }

    package static let full = Jitter { Double.random(in: 0...1) }
    /// The longest wait, always.
    package static let none = Jitter { 1 }
}

/// How long to wait before the next try.
enum RetryWait {
    /// If the server has a wish, that and up to a quarter more; else a part of 10 ms, 20 ms, 40 ms … up to 160 ms.
    static func milliseconds(after error: RPCError, attempt: Int, _ jitter: Jitter) -> UInt64 {
        let fraction = jitter.fraction()
        if error.retryAfterMilliseconds > 0 {
            let wish = Double(error.retryAfterMilliseconds)
            return UInt64(wish + wish * (1 - fraction) / 4)
        }
        return max(1, UInt64(Double(10 << min(attempt, 4)) * fraction))
    }
}
