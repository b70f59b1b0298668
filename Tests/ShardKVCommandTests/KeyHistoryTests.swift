import Testing

@testable import ShardKVCommand

@Suite struct KeyHistoryTests {
    private var history = KeyHistory()
    private let rules = KeyHistory.Rules(checksTTL: true, ttlBuffer: 0)

    private mutating func set(
        _ began: UInt64,
        _ ended: UInt64,
        ttl: UInt64 = 0,
        _ outcome: KeyHistory.Outcome = .acknowledged
    ) -> UInt64 {
        let sequence = history.beginSet(at: began, ttl: ttl)
        history.endSet(sequence: sequence, outcome: outcome, at: ended)
        return sequence
    }

    private mutating func get(_ began: UInt64, _ ended: UInt64, _ answer: KeyHistory.Answer) -> WrongAnswer? {
        history.beginGet(at: began)
        return history.endGet(began: began, answer: answer, at: ended, rules: rules)
    }

    @Test mutating func nothingWasSet() {
        #expect(get(1, 2, .notFound) == nil)
        #expect(get(3, 4, .value(sequence: 1)) == .corrupt)
        #expect(get(5, 6, .corrupt) == .corrupt)
        #expect(get(7, 8, .foreign) == nil)
    }

    @Test mutating func anAcknowledgedValueMustBeFound() {
        let first = set(10, 20)
        #expect(get(30, 40, .value(sequence: first)) == nil)
        #expect(get(50, 60, .notFound) == .missing)
        #expect(get(70, 80, .foreign) == .foreign(newer: first))
    }

    @Test mutating func anOverwrittenValueIsStale() {
        let (first, second) = (set(10, 20), set(30, 40))
        #expect(get(50, 60, .value(sequence: first)) == .stale(sequence: first, newer: second))
        #expect(get(70, 80, .value(sequence: second)) == nil)
    }

    @Test mutating func concurrentSetsMayEndEitherWay() {
        let first = history.beginSet(at: 10, ttl: 0)
        let second = history.beginSet(at: 15, ttl: 0)
        history.endSet(sequence: second, outcome: .acknowledged, at: 20)
        history.endSet(sequence: first, outcome: .acknowledged, at: 25)
        #expect(get(30, 31, .value(sequence: first)) == nil)
        #expect(get(32, 33, .value(sequence: second)) == nil)
        #expect(get(34, 35, .notFound) == .missing)
    }

    @Test mutating func aGetThatBeganBeforeTheOverwriteEndedMaySeeTheOldValue() {
        let first = set(10, 20)
        history.beginGet(at: 35)
        let second = set(30, 40)
        #expect(history.endGet(began: 35, answer: .value(sequence: first), at: 50, rules: rules) == nil)
        #expect(get(60, 61, .value(sequence: first)) == .stale(sequence: first, newer: nil))
        #expect(get(62, 63, .value(sequence: second)) == nil)
    }

    @Test mutating func aFailedSetMayHaveHappenedOrHappenYet() {
        let first = set(10, 20)
        let failed = set(30, 40, .indeterminate)
        #expect(get(50, 51, .value(sequence: first)) == nil)
        #expect(get(52, 53, .value(sequence: failed)) == nil)
        let third = set(60, 70)
        #expect(get(80, 81, .value(sequence: failed)) == nil)
        #expect(get(82, 83, .value(sequence: third)) == nil)
        #expect(get(84, 85, .value(sequence: first)) == .stale(sequence: first, newer: nil))
        #expect(get(86, 87, .notFound) == .missing)
    }

    @Test mutating func aRefusedSetMustNotBeSeen() {
        let refused = set(10, 20, .refused)
        #expect(get(30, 31, .value(sequence: refused)) == .stale(sequence: refused, newer: nil))
        #expect(get(32, 33, .notFound) == nil)
    }

    @Test mutating func aRunningSetMayBeSeen() {
        let running = history.beginSet(at: 10, ttl: 0)
        #expect(get(20, 21, .value(sequence: running)) == nil)
        #expect(get(22, 23, .notFound) == nil)
    }

    @Test mutating func aValueLivesFromItsBeginAtLeastItsTTLFromItsEndAtMost() {
        let first = set(100, 110, ttl: 50)
        #expect(get(120, 149, .notFound) == .missing)
        #expect(get(140, 150, .notFound) == nil)
        #expect(get(160, 170, .value(sequence: first)) == nil)
        #expect(get(161, 170, .value(sequence: first)) == .expired(sequence: first, late: 1))
        #expect(get(180, 190, .notFound) == nil)
    }

    @Test mutating func theBufferForgivesBothWays() {
        let rules = KeyHistory.Rules(checksTTL: true, ttlBuffer: 10)
        let first = set(100, 110, ttl: 50)
        history.beginGet(at: 130)
        #expect(history.endGet(began: 130, answer: .notFound, at: 139, rules: rules) == .missing)
        history.beginGet(at: 130)
        #expect(history.endGet(began: 130, answer: .notFound, at: 140, rules: rules) == nil)
        history.beginGet(at: 170)
        #expect(history.endGet(began: 170, answer: .value(sequence: first), at: 180, rules: rules) == nil)
        history.beginGet(at: 171)
        let late = history.endGet(began: 171, answer: .value(sequence: first), at: 180, rules: rules)
        #expect(late == .expired(sequence: first, late: 1))
    }

    @Test mutating func withoutTheTTLCheckAValueMayOutliveItsTTL() {
        let first = set(100, 110, ttl: 50)
        history.beginGet(at: 500)
        let rules = KeyHistory.Rules(checksTTL: false, ttlBuffer: 0)
        #expect(history.endGet(began: 500, answer: .value(sequence: first), at: 510, rules: rules) == nil)
    }

    @Test mutating func aFailedGetIsNoAnswer() {
        _ = set(10, 20)
        history.beginGet(at: 30)
        #expect(history.endGet(began: 30, answer: nil, at: 40, rules: rules) == nil)
    }

    @Test mutating func everyWrongAnswerIsToldEachTime() {
        let first = set(10, 20)
        _ = set(30, 40)
        for time in stride(from: 50 as UInt64, to: 100, by: 2) {
            #expect(get(time, time + 1, .value(sequence: first)) != nil)
        }
    }
}
