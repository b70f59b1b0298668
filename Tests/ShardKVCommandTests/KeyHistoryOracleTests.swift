import KVSharding
import Testing

@testable import ShardKVCommand

/// Judges by trying: whether some moments for all Sets and for the Get explain the answer.
private struct Oracle {
    struct Write {
        let began: UInt64
        var ended: UInt64?
        var outcome: KeyHistory.Outcome?
        let ttl: UInt64
    }

    var writes: [Write] = []
    let rules: KeyHistory.Rules
    /// Later than any time of a history.
    static let end: UInt64 = 60

    func explains(_ answer: KeyHistory.Answer, _ began: UInt64, _ ended: UInt64) -> Bool {
        (began...ended).contains { moment in
            switch answer {
            case .foreign: isFirst(moment)
            case .notFound: isFirst(moment) || writes.indices.contains { isLast($0, moment, isAbsent: true) }
            case .value(let sequence): isLast(Int(sequence) - 1, moment, isAbsent: false)
            case .corrupt: false
            }
        }
    }

    /// The moments at which a Set may take effect; nil = it need not.
    private func moments(_ write: Write) -> (possible: [UInt64], isForced: Bool) {
        switch write.outcome {
        case .refused: ([], false)
        case .acknowledged: (Array(write.began...write.ended!), true)
        case .indeterminate, nil: (Array(write.began...Self.end), false)
        }
    }

    /// No Set took effect before `moment`.
    private func isFirst(_ moment: UInt64) -> Bool {
        writes.allSatisfy { write in
            let (possible, isForced) = moments(write)
            return !isForced || possible.contains { $0 >= moment }
        }
    }

    /// The Set took effect last before `moment`, and its value was there, or had expired.
    private func isLast(_ index: Int, _ moment: UInt64, isAbsent: Bool) -> Bool {
        guard writes.indices.contains(index) else { return false }
        let write = writes[index]
        return moments(write).possible.filter { $0 <= moment }.contains { effect in
            // The TTL counts from some moment within the call.
            let isState = (write.began...min(effect, write.ended ?? Self.end)).contains { stamp in
                if isAbsent { return write.ttl != 0 && moment + rules.ttlBuffer >= stamp + write.ttl }
                return write.ttl == 0 || !rules.checksTTL || moment <= stamp + write.ttl + rules.ttlBuffer
            }
            return isState
                && writes.indices.allSatisfy { other in
                    let (possible, isForced) = moments(writes[other])
                    return other == index || !isForced || possible.contains { $0 <= effect || $0 >= moment }
                }
        }
    }
}

@Suite struct KeyHistoryOracleTests {
    /// Random histories with Sets and Gets that overlap and fail, each answer judged by both.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func judgesAsTheOracleDoes(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var verdicts = [true: 0, false: 0]
        for _ in 0..<100 {
            let rules = KeyHistory.Rules(
                checksTTL: Int.random(in: 0..<4, using: &random) > 0,
                ttlBuffer: UInt64.random(in: 0...3, using: &random)
            )
            var history = KeyHistory()
            var oracle = Oracle(rules: rules)
            var openSets: [UInt64] = []
            var openGets: [UInt64] = []
            for time in 1..<30 as Range<UInt64> {
                switch Int.random(in: 0..<4, using: &random) {
                case 0 where openSets.count < 3:
                    let ttl = Bool.random(using: &random) ? 0 : UInt64.random(in: 1...12, using: &random)
                    openSets.append(history.beginSet(at: time, ttl: ttl))
                    oracle.writes.append(.init(began: time, ttl: ttl))
                case 1 where !openSets.isEmpty:
                    let sequence = openSets.remove(at: Int.random(in: 0..<openSets.count, using: &random))
                    let outcomes: [KeyHistory.Outcome] = [
                        .acknowledged, .acknowledged, .acknowledged, .indeterminate, .refused,
                    ]
                    let outcome = outcomes.randomElement(using: &random)!
                    history.endSet(sequence: sequence, outcome: outcome, at: time)
                    oracle.writes[Int(sequence) - 1].ended = time
                    oracle.writes[Int(sequence) - 1].outcome = outcome
                case 2 where openGets.count < 3:
                    openGets.append(time)
                    history.beginGet(at: time)
                case 3 where !openGets.isEmpty:
                    let began = openGets.remove(at: Int.random(in: 0..<openGets.count, using: &random))
                    let sequences = (0...UInt64(oracle.writes.count)).map { KeyHistory.Answer.value(sequence: $0 + 1) }
                    let answer = ([.notFound, .notFound, .foreign] + sequences).randomElement(using: &random)!
                    let wrong = history.endGet(began: began, answer: answer, at: time, rules: rules)
                    let isRight = oracle.explains(answer, began, time)
                    verdicts[isRight]! += 1
                    #expect(
                        (wrong == nil) == isRight,
                        "seed \(seed): \(answer) in \(began)…\(time) of \(oracle.writes)"
                    )
                default: break
                }
            }
        }
        #expect(verdicts[true]! > 0 && verdicts[false]! > 0)
    }
}
