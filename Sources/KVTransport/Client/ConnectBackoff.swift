/// Keeps a node that cannot be reached from being tried by every call: after the n-th failure in a row, for
/// 20 ms · 2ⁿ⁻¹, at most 1 s. Times are in milliseconds of one clock.
struct ConnectBackoff {
    static let firstMilliseconds: Int64 = 20
    static let lastMilliseconds: Int64 = 1000

    private var failures = 0
    private(set) var retryAt: Int64 = .min

    mutating func failed(now: Int64) {
        let wait = min(Self.firstMilliseconds << Int64(min(failures, 6)), Self.lastMilliseconds)
        failures += 1
        retryAt = now + wait
    }

    mutating func succeeded() {
        self = ConnectBackoff()
    }
}
