import ArgumentParser
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
        ["stress", "--ttl", "2"], ["unknown"],
    ])
    func refuses(words: [String]) {
        #expect(throws: (any Error).self) { try RootCommand.parseAsRoot(words) }
    }

    @Test func stressHasItsKnownFlagsAndDefaults() throws {
        let command = try parse(StressCommand.self, "stress")
        #expect(command.getQps == 100 && command.setQps == 30 && command.ttl == .seconds(2))
        #expect(command.duration == .seconds(60) && command.numKeys == 1000 && command.options.timeout == .seconds(1))
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
