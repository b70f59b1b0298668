internal import ShardKV

/// Callers that each send a request, wait for its answer, and send the next.
struct ClosedLoop: Sendable {
    struct Result: Sendable {
        var latencies = Histogram()
        var errors = 0
        var firstError: String?
    }

    let client: ShardKVClient
    let options: Options
    let keys: [[UInt8]]
    let value: [UInt8]

    init(client: ShardKVClient, options: Options) {
        self.client = client
        self.options = options
        keys = (0..<options.keys).map { number in
            let digits = String(number)
            return Array(("key:" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits).utf8)
        }
        value = (0..<options.valueBytes).map { UInt8(truncatingIfNeeded: $0) }
    }

    /// Stores every key.
    func load() async throws(ShardKVError) {
        let callers = 64
        let failure = await withTaskGroup(of: ShardKVError?.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    for index in stride(from: caller, to: keys.count, by: callers) {
                        do throws(ShardKVError) {
                            try await client.set(keys[index], value, timeout: .seconds(10))
                        } catch { return error }
                    }
                    return nil
                }
            }
            return await group.reduce(nil) { $0 ?? $1 }
        }
        if let failure { throw failure }
    }

    /// Runs all callers until `end`; what they began and finished between `begin` and `end` counts. Times are
    /// `Clocks.monotonic`'s.
    func run(from begin: UInt64, to end: UInt64) async -> Result {
        await withTaskGroup(of: Result.self) { group in
            for caller in 0..<options.callers {
                group.addTask { await call(caller, from: begin, to: end) }
            }
            return await group.reduce(into: Result()) { total, result in
                total.latencies.add(result.latencies)
                total.errors += result.errors
                total.firstError = total.firstError ?? result.firstError
            }
        }
    }

    private func call(_ caller: Int, from begin: UInt64, to end: UInt64) async -> Result {
        var result = Result()
        var random = SplitMix(state: UInt64(caller))
        var left = options.requests == 0 ? Int.max : options.requests / options.callers
        // The end of a call is the beginning of the next: one look at the clock for each.
        var before = Clocks.monotonic
        while before < end, left > 0 {
            left -= 1
            let key = keys[Int(random.next() % UInt64(keys.count))]
            do throws(ShardKVError) {
                switch options.operation {
                case .get:
                    let answer = try await client.get(key)
                    if answer?.count != value.count {
                        result.errors += 1
                        result.firstError = result.firstError ?? "the answer is not what was set"
                    }
                case .set: try await client.set(key, value)
                }
            } catch {
                result.errors += 1
                result.firstError = result.firstError ?? error.description
            }
            let after = Clocks.monotonic
            if before >= begin, after <= end { result.latencies.record(nanoseconds: after - before) }
            before = after
        }
        return result
    }
}

/// A small generator of random numbers, seeded.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
