import KVSharding
import Synchronization

/// Sends Gets and Sets at the asked rates, whether or not earlier ones were answered (an open loop: a slow server is
/// not spared), and has the answers judged.
final class StressRun<Target: StressTarget>: Sendable {
    private enum Operation: CaseIterable { case get, set }

    let recorder: StressRecorder
    private let configuration: StressConfiguration
    private let target: Target
    private let log: StressLog
    private let latencies: LatencyLog?
    private let values: StressValue
    private let slots: Slots
    private let clock = ContinuousClock()
    private let origin: ContinuousClock.Instant
    private let isStopped = Atomic(false)

    init(_ configuration: StressConfiguration, target: Target, log: StressLog, latencies: LatencyLog? = nil) {
        let clock = ContinuousClock()
        let origin = clock.now
        self.origin = origin
        self.configuration = configuration
        self.target = target
        self.log = log
        self.latencies = latencies
        values = StressValue(run: configuration.run, bytes: configuration.valueBytes)
        slots = Slots(count: configuration.maxPending)
        // The clock begins above 0, so that the first times are after "never".
        recorder = StressRecorder(configuration: configuration) {
            (clock.now - origin).saturatedNanoseconds + 1_000_000_000
        }
    }

    /// Ends the run early; what is in flight is waited for.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    /// Runs for the configured duration, whether or not the rates can be met, then waits for what is in flight.
    func run() async -> StressSummary {
        var generator = SeededRandom(seed: configuration.seed)
        let keys = configuration.keys(using: &generator)
        var buckets: [(operation: Operation, bucket: TokenBucket)] = []
        for (operation, rate) in [(Operation.set, configuration.setsPerSecond), (.get, configuration.getsPerSecond)]
        where rate > 0 {
            log.begin(operation == .get ? "Get" : "Set", perSecond: rate)
            buckets.append((operation, TokenBucket(perSecond: rate, burst: configuration.burst, now: elapsed)))
        }
        let begin = elapsed
        let end = begin.addingSaturated(configuration.duration.saturatedNanoseconds)
        var sent = begin
        await withDiscardingTaskGroup { requests in
            while isRunning(until: end) {
                // One of each kind at a time, so that a rate that cannot be met takes nothing from the other.
                for index in buckets.indices where buckets[index].bucket.take(now: elapsed) {
                    await acquireSlot()
                    let keyIndex = keys.indices.randomElement(using: &generator)!
                    let (key, operation) = (keys[keyIndex], buckets[index].operation)
                    requests.addTask {
                        // A slot, or a thread, may be free only after the end.
                        if self.isRunning(until: end) {
                            await self.perform(operation, keyIndex: keyIndex, key: key)
                        }
                        self.slots.release()
                    }
                }
                await pause(until: min(buckets.map(\.bucket.nextAt).min() ?? .max, end))
            }
            sent = elapsed
        }
        latencies?.finish()
        var summary = recorder.summary
        summary.elapsedSeconds = Double(sent - begin) / 1e9
        return summary
    }

    private var elapsed: UInt64 { (clock.now - origin).saturatedNanoseconds }

    private func isRunning(until end: UInt64) -> Bool {
        !isStopped.load(ordering: .relaxed) && elapsed < end
    }

    private func acquireSlot() async {
        if slots.tryAcquire() { return }
        recorder.holdBack()
        await slots.acquire()
    }

    /// Never longer than a tenth of a second, so that `stop` is soon seen.
    private func pause(until time: UInt64) async {
        let now = elapsed
        guard time > now else { return }
        try? await clock.sleep(for: .nanoseconds(Int64(min(time - now, 100_000_000))))
    }

    private func perform(_ operation: Operation, keyIndex: Int, key: [UInt8]) async {
        switch operation {
        case .get:
            let ticket = recorder.beginGet(keyIndex: keyIndex)
            let result: Result<KeyHistory.Answer, StressFailure>
            do throws(StressFailure) {
                result = .success(values.answer(try await target.get(key), key: key))
            } catch {
                result = .failure(error)
            }
            let (latency, wrong) = recorder.endGet(ticket, result)
            latencies?.recordGet(latencyMicroseconds: latency, isSuccess: result.isSuccess)
            log.sample("get", result, key: key, latencyMicroseconds: latency)
            if let wrong { log.report(wrong, key: key) }
        case .set:
            let ticket = recorder.beginSet(keyIndex: keyIndex)
            let value = values.value(key: key, sequence: ticket.sequence)
            let result: Result<Void, StressFailure>
            do throws(StressFailure) {
                result = .success(try await target.set(key, value, ttl: configuration.ttl))
            } catch {
                result = .failure(error)
            }
            let latency = recorder.endSet(ticket, result)
            latencies?.recordSet(latencyMicroseconds: latency, isSuccess: result.isSuccess)
            log.sample("set", result, key: key, latencyMicroseconds: latency)
        }
    }
}

extension Result {
    fileprivate var isSuccess: Bool {
        switch self {
        case .success: true
        case .failure: false
        }
    }
}
