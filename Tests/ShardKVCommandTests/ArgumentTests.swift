import ArgumentParser
import ShardKV
import Testing

@testable import ShardKVCommand

@Suite struct ArgumentTests {
    private func parse<Command: ParsableCommand>(_ type: Command.Type, _ words: String...) throws -> Command {
        try #require(try RootCommand.parseAsRoot(words) as? Command)
    }

    @Test func setTakesATTLAsANumber() throws {
        #expect(try parse(SetCommand.self, "set", "k", "v").ttlMilliseconds == [])
        #expect(try parse(SetCommand.self, "set", "k", "v", "500").ttlMilliseconds == ["500"])
        let command = try parse(SetCommand.self, "set", "k", "v", "-5", "--timeout", "2s", "--node", "n2")
        #expect(command.ttlMilliseconds == ["-5"])
        #expect(command.options.timeout == .seconds(2) && command.options.node == "n2")
    }

    @Test func setTakesATTLWithAUnit() throws {
        #expect(try parse(SetCommand.self, "set", "--ttl", "60s", "k", "v").ttl == .seconds(60))
        #expect(try parse(SetCommand.self, "set", "k", "v", "--ttl", "-5s").ttl == .seconds(-5))
    }

    @Test func levelsAreWords() throws {
        #expect(try parse(SetCommand.self, "set", "k", "v", "--write-level", "quorum").level.writeLevel == .quorum)
        #expect(try parse(DeleteCommand.self, "delete", "k", "--write-level", "one").level.writeLevel == .one)
        #expect(try parse(GetCommand.self, "get", "k", "--read-level", "quorum").level.readLevel == .quorum)
        let stress = try parse(StressCommand.self, "stress", "--read-level", "one", "--write-level", "all")
        #expect(stress.readLevel.readLevel == .one && stress.writeLevel.writeLevel == .all)
        #expect(try parse(GetCommand.self, "get", "k").level.readLevel == nil)
    }

    @Test func aTerminatorProtectsKeysAndValues() throws {
        let command = try parse(SetCommand.self, "set", "--", "-5", "--value")
        #expect(command.key == "-5" && command.value == "--value" && command.ttlMilliseconds == [])
        #expect(try parse(SetCommand.self, "set", "k", "-").value == "-")
    }

    @Test(arguments: [
        ["set", "k"], ["set", "k", "v", "--unknown"], ["set", "--unknown", "k", "v"], ["set", "k", "v", "-x"],
        ["set", "k", "v", "5s"],
        ["set", "k", "v", "5", "6"], ["set", "k", "v", "5", "--ttl", "5s"], ["set", "k", "v", "--ttl", "60"], ["get"],
        ["get", "a", "b"],
        ["get", "k", "--timeout", "5"], ["get", "k", "--timeout", "0"], ["contents", "x"],
        ["status", "--wait-ready", "x"],
        ["stress", "--get-qps", "-1"], ["stress", "--get-qps", "0", "--set-qps", "0"], ["stress", "--num-keys", "0"],
        ["stress", "--ttl", "2"], ["unknown"], ["get", "k", "--read-level", "all"],
        ["set", "k", "v", "--write-level", "one", "--node", "n1"], ["get", "k", "--shardmap", "f", "--nodes", "h:1"],
    ])
    func refuses(words: [String]) {
        #expect(throws: (any Error).self) { try RootCommand.parseAsRoot(words) }
    }

    /// "Missing value" would be no help.
    @Test(arguments: [
        (["stress", "--ttl", "-1s"], "must not be negative"),
        (["stress", "--ttl-check-buffer", "-1s"], "must not be negative"),
        (["stress", "--duration", "-1s"], "--duration must be above 0"),
        (["stress", "--get-qps", "-1"], "must be 0 or more"),
        (["stress", "--num-keys", "-1"], "--num-keys must be 1 to"),
        (["stress", "--max-pending", "-1"], "must be at least 1"),
        (["stress", "--value-bytes", "-1"], "'-1' is invalid"),
        (["status", "--wait-ready", "-1"], "must not be negative"),
        (["status", "--wait-ready", "-1s"], "must not be negative"),
        (["get", "k", "--timeout", "-1s"], "--timeout must be above 0"),
        (["contents", "-1"], "must not be negative"), (["contents", "0"], "must not be 0"),
        (["contents"], "Missing expected argument '<shard>'"), (["contents", "1", "2"], "Unexpected argument '2'"),
        (["contents", "1", "--unknown"], "Unknown option '--unknown'"), (["contents", "x"], "not a whole number"),
    ])
    func saysWhatIsWrong(words: [String], expected: String) {
        do {
            _ = try RootCommand.parseAsRoot(words)
            Issue.record("taken")
        } catch {
            let message = RootCommand.message(for: error)
            #expect(message.contains(expected), "\(message)")
        }
    }

    @Test func contentsTakesAShardAmongOptions() throws {
        #expect(try parse(ContentsCommand.self, "contents", "3", "--node", "n2").words == ["3"])
        let command = try parse(ContentsCommand.self, "contents", "--timeout", "2s", "3")
        #expect(command.words == ["3"] && command.options.timeout == .seconds(2))
    }

    @Test func largeValuesGetMoreTimeUnlessTheUserSaysHowMuch() throws {
        let options = try parse(SetCommand.self, "set", "k", "v").options
        #expect(options.writeTimeout(valueBytes: 0) == .seconds(1))
        #expect(options.writeTimeout(valueBytes: 4 << 20) == .milliseconds(1500))
        #expect(options.writeTimeout(valueBytes: 64 << 20) == .seconds(9))
        #expect(options.readTimeout == .seconds(10) && options.plainTimeout == .seconds(1))
        let given = try parse(SetCommand.self, "set", "k", "v", "--timeout", "2s").options
        #expect(given.writeTimeout(valueBytes: 64 << 20) == .seconds(2))
        #expect(given.readTimeout == .seconds(2) && given.plainTimeout == .seconds(2))
    }

    @Test func stressHasItsKnownFlagsAndDefaults() throws {
        let command = try parse(StressCommand.self, "stress")
        #expect(command.getQps == 100 && command.setQps == 30 && command.ttl == .seconds(2))
        #expect(command.duration == .seconds(60) && command.numKeys == 1000 && command.options.timeout == nil)
        #expect(command.maxPending == 100 && command.qpsBurst == 20 && command.ttlCheckBuffer == .milliseconds(10))
        let all = try parse(
            StressCommand.self,
            "stress",
            "--shardmap",
            "f",
            "--get-qps",
            "1",
            "--set-qps",
            "2",
            "--ttl",
            "3s",
            "--duration",
            "4m",
            "--num-keys",
            "5",
            "--timeout",
            "6ms",
            "--max-pending",
            "7",
            "--qps-burst",
            "8",
            "--check",
            "--check-ttl",
            "--ttl-check-buffer",
            "9ms",
            "--json",
            "o",
            "--seed",
            "10",
            "--value-bytes",
            "1KiB"
        )
        #expect(all.check && all.checkTtl && all.valueBytes?.bytes == 1024 && all.seed == 10)
        let unchecked = try parse(StressCommand.self, "stress", "--no-check", "--no-check-ttl")
        #expect(!unchecked.check && !unchecked.checkTtl)
    }

    @Test func stressTakesFlagsWithAValue() {
        let words = [
            "stress", "--check=false", "--check-ttl=true", "--check", "--check-ttl=false", "--json", "check=false",
        ]
        let spelled = ["stress", "--no-check", "--check-ttl", "--check", "--no-check-ttl", "--json", "check=false"]
        #expect(StressCommand.spellingFlags(words) == spelled)
    }

    @Test func everyCommandHasHelpWithExamples() {
        for command in RootCommand.configuration.subcommands + ShardMapCommand.configuration.subcommands + [
            RootCommand.self
        ] {
            #expect(command.helpMessage().contains("EXAMPLES"), "\(command)")
        }
    }
}
