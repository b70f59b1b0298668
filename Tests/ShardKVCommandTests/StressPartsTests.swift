import KVSharding
import Testing

@testable import ShardKVCommand

@Suite struct StressValueTests {
    private let key = Array("abcdefghij".utf8)

    @Test(arguments: [nil, 1, 64, 1000])
    func aValueNamesItsSet(bytes: Int?) {
        let values = StressValue(run: 7, bytes: bytes)
        for sequence in [1, 2, 1000, UInt64.max] {
            let value = values.value(key: key, sequence: sequence)
            #expect(values.answer(value, key: key) == .value(sequence: sequence))
            if let bytes, bytes >= 64 { #expect(value.count == bytes) }
        }
        #expect(values.answer(nil, key: key) == .notFound)
    }

    @Test func everyChangedByteIsNoticed() {
        let values = StressValue(run: 7, bytes: 80)
        let value = values.value(key: key, sequence: 3)
        for index in value.indices {
            var changed = value
            changed[index] ^= 1
            #expect(values.answer(changed, key: key) != .value(sequence: 3))
        }
        #expect(values.answer(value.dropLast(), key: key) == .corrupt)
        #expect(values.answer(value + [0], key: key) == .corrupt)
        #expect(values.answer([], key: key) == .corrupt)
    }

    @Test func foreignValuesAreRecognised() {
        let values = StressValue(run: 7, bytes: nil)
        let earlier = StressValue(run: 8, bytes: nil).value(key: key, sequence: 1)
        #expect(values.answer(earlier, key: key) == .foreign)
        #expect(values.answer(values.value(key: Array("jihgfedcba".utf8), sequence: 1), key: key) == .corrupt)
    }
}

@Suite struct TokenBucketTests {
    @Test func keepsTheRate() {
        var bucket = TokenBucket(perSecond: 1000, burst: 20, now: 5_000_000_000)
        var taken = 0
        for step in 0..<10_000 as Range<UInt64> where bucket.take(now: 5_000_000_000 + step * 100_000) { taken += 1 }
        #expect(taken == 1000)
    }

    @Test func catchesUpWithABurstAndNoMore() {
        var bucket = TokenBucket(perSecond: 100, burst: 20, now: 0)
        var taken = 0
        while bucket.take(now: 60_000_000_000) { taken += 1 }
        #expect(taken == 20)
        #expect(bucket.nextAt == 60_010_000_000)
        let (before, after) = (bucket.take(now: 60_009_999_999), bucket.take(now: 60_010_000_000))
        #expect(!before && after)
    }

    @Test(arguments: [(0.001, 1), (1e12, 1_000_000), (1e-12, 1_000_000)])
    func extremeRatesAreNoTrap(perSecond: Double, burst: Int) {
        var bucket = TokenBucket(perSecond: perSecond, burst: burst, now: 1)
        let isTaken = bucket.take(now: 1_000_000)
        #expect(isTaken && bucket.nextAt > 0)
    }
}

@Suite struct StressSummaryTests {
    private func summary() -> StressSummary {
        var summary = StressSummary(wrongAnswers: 1)
        for latency in [100, 200, 300] as [UInt64] {
            summary.gets.record(latencyMicroseconds: latency, isSuccess: true)
        }
        summary.gets.record(latencyMicroseconds: 9, isSuccess: false)
        summary.sets.record(latencyMicroseconds: 50, isSuccess: true)
        summary.failures = ["UNAVAILABLE": 1]
        summary.elapsedSeconds = 2
        return summary
    }

    @Test func prints() {
        #expect(
            summary().text == """
                Get requests: 3/4 succeeded = 75.000000% success rate
                Set requests: 1/1 succeeded = 100.000000% success rate
                Correct responses: 2/3 = 66.666667%
                Total requests: 5 = 2.500000 QPS
                Get latency us: p50=200 p90=300 p99=300 p99.9=300 max=300
                Set latency us: p50=50 p90=50 p99=50 p99.9=50 max=50
                Failures: UNAVAILABLE=1

                """
        )
    }

    @Test func ofNothingAllIsWell() {
        #expect(
            StressSummary().text == """
                Get requests: 0/0 succeeded = 100.000000% success rate
                Set requests: 0/0 succeeded = 100.000000% success rate
                Total requests: 0 = 0.000000 QPS

                """
        )
    }

    @Test func writesJSON() {
        let json = summary().json.description
        #expect(
            json.hasPrefix(
                #"{"elapsed_seconds": 2.000000, "total_requests": 5, "qps": 2.500000, "get": {"succeeded": 3, "#
            )
        )
        #expect(json.contains(#""checked_responses": 3, "wrong_responses": 1"#))
        #expect(StressSummary().json.description.contains(#""wrong_responses": null"#))
    }

    @Test func jsonEscapes() {
        #expect(JSON.string("a\"\\\n\u{1}é").description == #""a\"\\\n\u0001é""#)
        #expect(JSON.array([.null, .boolean(true), .count(3)]).description == "[null, true, 3]")
    }
}

@Suite struct StressLogTests {
    @Test func samplesInTheKnownForm() {
        let line = StressLog.sampledLine(
            "get",
            .success(()),
            key: Array("ottsbnhjsh".utf8),
            latencyMicroseconds: 17042,
            at: 0
        )
        #expect(line.hasPrefix("INFO[19"))
        #expect(line.hasSuffix("] [sampled] get OK                              key=ottsbnhjsh latency_us=17042"))
    }
}
