/// Times to live and absolute deadlines. A deadline is in milliseconds since 1970; 0 means "never expires".
public enum TimeToLive {
    /// The deadline of a value written `now` with `ttlMilliseconds`: 0 stays 0 (never), a sum past the range
    /// saturates at `UInt64.max`, which no clock reaches. A negative TTL is the caller's error: it must be refused before.
    @inlinable
    public static func deadline(ttlMilliseconds: Int64, now: UInt64) -> UInt64 {
        precondition(ttlMilliseconds >= 0, "a negative TTL is refused before a deadline is computed")
        if ttlMilliseconds == 0 { return 0 }
        let (sum, overflow) = now.addingReportingOverflow(UInt64(ttlMilliseconds))
        return overflow ? .max : sum
    }

    /// Whether a deadline has passed at `now`.
    @inlinable
    public static func isExpired(deadline: UInt64, now: UInt64) -> Bool {
        deadline != 0 && deadline <= now
    }

    /// What is left of a deadline that has not passed: 0 = never expires, otherwise at least 1 and at most `Int64.max`.
    @inlinable
    public static func remainingMilliseconds(deadline: UInt64, now: UInt64) -> Int64 {
        if deadline == 0 { return 0 }
        if deadline <= now { return 1 }
        return Int64(min(deadline - now, UInt64(Int64.max)))
    }
}
