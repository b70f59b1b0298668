/// The Sets and Gets of one key, and the judgement of each Get's answer. The key is a register: a Set that was acknowledged took effect
/// at one moment between its begin and its end; one that failed, or still runs, at any moment after its begin or never. An answer is
/// right if some choice of moments explains it.
///
/// Times are nanoseconds of one clock that never goes back; begins must be reported in the order of their times.
struct KeyHistory {
    struct Rules: Sendable, Hashable {
        /// Whether a value that outlived its TTL is a wrong answer.
        var checksTTL = true
        /// How far the clocks of servers and tester may be apart where a TTL ends, in nanoseconds.
        var ttlBuffer: UInt64 = 10_000_000
    }

    /// How a Set ended.
    enum Outcome: Sendable, Hashable {
        case acknowledged
        /// Failed, and may have happened or happen yet.
        case indeterminate
        /// Failed, and surely did not happen.
        case refused
    }

    /// What a Get returned.
    enum Answer: Sendable, Hashable {
        case notFound
        /// The value of this key's Set with that number.
        case value(sequence: UInt64)
        /// A value of this key that somebody else wrote, perhaps an earlier run.
        case foreign
        /// Bytes that no tester wrote to this key.
        case corrupt
    }

    private struct Write {
        let sequence: UInt64
        let began: UInt64
        /// nil = still running.
        var ended: UInt64?
        var isAcknowledged = false
        /// 0 = never expires.
        let ttl: UInt64

        /// When it has surely taken effect, if it has at all.
        var latest: UInt64 { isAcknowledged ? ended! : .max }
    }

    /// The number of the newest Set; they count from 1.
    private(set) var lastSequence: UInt64 = 0
    /// Those that an answer can depend on yet.
    private var writes: [Write] = []
    private var begunGets: [UInt64] = []

    mutating func beginSet(at now: UInt64, ttl: UInt64) -> UInt64 {
        lastSequence += 1
        writes.append(Write(sequence: lastSequence, began: now, ttl: ttl))
        return lastSequence
    }

    mutating func endSet(sequence: UInt64, outcome: Outcome, at now: UInt64) {
        // Only Sets that ended are ever forgotten.
        let index = writes.firstIndex { $0.sequence == sequence }!
        switch outcome {
        case .refused:
            writes.remove(at: index)
        case .acknowledged, .indeterminate:
            writes[index].ended = now
            writes[index].isAcknowledged = outcome == .acknowledged
            forgetOverwritten(now: now)
        }
    }

    mutating func beginGet(at now: UInt64) {
        begunGets.append(now)
    }

    /// - Parameter answer: nil = the Get failed, which is no answer.
    /// - Returns: What is wrong with the answer; nil if it is right.
    mutating func endGet(began: UInt64, answer: Answer?, at now: UInt64, rules: Rules) -> WrongAnswer? {
        begunGets.remove(at: begunGets.firstIndex(of: began)!)
        defer { forgetOverwritten(now: now) }
        switch answer {
        case nil: return nil
        case .corrupt: return .corrupt
        case .foreign: return overwritten(before: began).map { .foreign(newer: $0.sequence) }
        case .notFound: return mayBeAbsent(began: began, ended: now, rules: rules) ? nil : .missing
        case .value(let sequence): return judge(sequence: sequence, began: began, ended: now, rules: rules)
        }
    }

    private func judge(sequence: UInt64, began: UInt64, ended: UInt64, rules: Rules) -> WrongAnswer? {
        guard let write = writes.first(where: { $0.sequence == sequence }), write.began <= ended else {
            return sequence <= lastSequence ? .stale(sequence: sequence, newer: nil) : .corrupt
        }
        if let newer = overwritten(before: began), newer.began > write.latest {
            return .stale(sequence: sequence, newer: newer.sequence)
        }
        if rules.checksTTL, write.ttl != 0, let end = write.ended {
            let deadline = end.addingSaturated(write.ttl).addingSaturated(rules.ttlBuffer)
            if began > deadline { return .expired(sequence: sequence, late: began - deadline) }
        }
        return nil
    }

    /// Whether the key may have had no value at some moment of a Get.
    private func mayBeAbsent(began: UInt64, ended: UInt64, rules: Rules) -> Bool {
        // The longer one waits the likelier a value is gone, until another Set has surely taken effect: so these moments suffice.
        let moments =
            writes.filter { $0.isAcknowledged && $0.latest >= began && $0.latest < ended }.map(\.latest) + [ended]
        return moments.contains { moment in
            guard let floor = overwritten(before: moment)?.began else { return true }
            // A TTL may count from the begin of its Set, however late that takes effect.
            return writes.contains { write in
                write.ttl != 0 && write.began <= moment && write.latest >= floor
                    && moment.addingSaturated(rules.ttlBuffer) >= write.began.addingSaturated(write.ttl)
            }
        }
    }

    /// Of the Sets that were acknowledged before `moment`, the one that began last: whatever took effect before its begin is
    /// overwritten.
    private func overwritten(before moment: UInt64) -> Write? {
        writes.filter { $0.isAcknowledged && $0.latest < moment }.max { $0.began < $1.began }
    }

    /// Drops what no Get, running or to come, can depend on.
    private mutating func forgetOverwritten(now: UInt64) {
        guard writes.count > 1, let floor = overwritten(before: begunGets.min() ?? now)?.began else { return }
        writes.removeAll { $0.latest < floor }
    }
}

extension UInt64 {
    func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
