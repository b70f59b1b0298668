import Testing

@testable import ShardKVCommand

@Suite struct DurationArgumentTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("1s", .seconds(1)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
        ("1.5s", .milliseconds(1500)), ("1m30s", .seconds(90)), ("10us", .microseconds(10)),
        ("10µs", .microseconds(10)),
        ("7ns", .nanoseconds(7)), (".5s", .milliseconds(500)), ("0", .zero), ("0s", .zero), ("-5s", .seconds(-5)),
        ("+5s", .seconds(5)), ("0.1ms", .microseconds(100)),
    ])
    func reads(_ text: String, _ expected: Duration) {
        #expect(Duration(argument: text) == expected)
    }

    @Test(arguments: [
        "", "5", "s", "5 s", "5S", "5d", "1.2.3s", "--5s", "5s1", "1e3s", "99999999999h", "0x5s", "٣s", "-", ".",
    ])
    func refuses(_ text: String) {
        #expect(Duration(argument: text) == nil)
    }

    @Test(arguments: ["90s", "1500ms", "10us", "7ns", "-5s", "0s"])
    func printsWhatItReads(_ text: String) {
        #expect(Duration(argument: text)?.shortDescription == text)
    }

    @Test(arguments: [
        (Duration.milliseconds(Int64.max), "9223372036854775807ms"),
        (.milliseconds(Int64.min), "-9223372036854775808ms"),
        (.nanoseconds(Int64.max), "9223372036854775807ns"), (.nanoseconds(Int64.min), "-9223372036854775808ns"),
        (.seconds(Int64.max), "9223372036854775807s"), (.seconds(Int64.min), "-9223372036854775808s"),
        (
            Duration(secondsComponent: .max, attosecondsComponent: 999_999_999_999_999_999),
            "9223372036854775807999999999ns"
        ),
        (Duration(secondsComponent: .min, attosecondsComponent: -1_000_000_000), "-9223372036854775808000000001ns"),
        (Duration(secondsComponent: 0, attosecondsComponent: 1), "0s"),
    ])
    func printsTheExtremes(_ duration: Duration, _ expected: String) {
        #expect(duration.shortDescription == expected)
        #expect(duration.defaultValueDescription == expected)
    }

    @Test func nanosecondsSaturate() {
        #expect(Duration.seconds(2).saturatedNanoseconds == 2_000_000_000)
        #expect(Duration.seconds(-2).saturatedNanoseconds == 0)
        #expect(Duration.seconds(Int64.max).saturatedNanoseconds == .max)
    }

    @Test(arguments: [("30", Duration.seconds(30)), ("1m", .seconds(60)), ("0.5", .milliseconds(500)), ("0", .zero)])
    func secondsNeedNoUnitWhereTheOptionNamesThem(_ text: String, _ expected: Duration) throws {
        #expect(try WaitSeconds(text).duration == expected)
    }

    @Test(arguments: ["", "x", "-5", "30x"])
    func refusesSeconds(_ text: String) {
        #expect(throws: (any Error).self) { try WaitSeconds(text) }
    }
}
