/// What a run of the stress tester does.
struct StressConfiguration: Sendable {
    /// Requests a second; 0 = none of that kind.
    var getsPerSecond = 100.0
    var setsPerSecond = 30.0
    /// 0 = values never expire.
    var ttl = Duration.seconds(2)
    var duration = Duration.seconds(60)
    var keyCount = 1000
    /// Requests in flight at once, of both kinds together.
    var maxPending = 100
    /// Requests of a kind sent at once to catch up after a delay.
    var burst = 20
    var isChecking = true
    var rules = KeyHistory.Rules()
    /// nil = small sizes that vary.
    var valueBytes: Int?
    /// Determines the keys and their order.
    var seed: UInt64 = 0
    /// Tells this run's values from any other run's.
    var run: UInt32 = 0

    /// Distinct names of ten lower-case letters.
    func keys(using generator: inout some RandomNumberGenerator) -> [[UInt8]] {
        var seen: Set<[UInt8]> = []
        while seen.count < keyCount { seen.insert((0..<10).map { _ in UInt8.random(in: 97...122, using: &generator) }) }
        return seen.sorted { $0.lexicographicallyPrecedes($1) }
    }
}
