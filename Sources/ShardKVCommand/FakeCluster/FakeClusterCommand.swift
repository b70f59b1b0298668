import ArgumentParser
import Glibc
import KVSharding

struct FakeClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fake-cluster",
        abstract: "Play a faulty cluster to a client, and judge what the client did.",
        discussion: """
            Starts the nodes that SCENARIO describes on free ports of this machine, runs COMMAND with SHARDKV_SHARDMAP set, \
            feeds it the scenario's commands and compares its replies and requests with what is expected. COMMAND reads \
            commands and prints replies as 'shardkv shell' does. proto/conformance/scenarios/README.md describes the \
            files.

            EXAMPLES
              shardkv fake-cluster proto/conformance/scenarios/hung-replica.txt -- shardkv shell
              shardkv fake-cluster proto/conformance/scenarios/*.txt -- python3 -m shardkv shell

            EXIT CODE
              0 all as expected · 1 something was not · 2 and above an error
            """
    )

    @Flag(help: "Show only what is not as expected.")
    var quiet = false

    @Option(help: "How often to play a scenario that fails: on a busy machine a client may miss a deadline of its own.")
    var plays = 1

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp(
            "The scenarios' files, played one after the other; then --, the client and its arguments.",
            valueName: "scenario… -- command"
        )
    )
    var words: [String] = []

    private var scenarios: [String] { Array(words.prefix { $0 != "--" }) }
    private var command: [String] { Array(words.drop { $0 != "--" }.dropFirst()) }

    func validate() throws {
        if plays < 1 { throw ValidationError("--plays must be 1 or more") }
        if scenarios.isEmpty || command.isEmpty {
            throw ValidationError("name scenarios, then -- and the client: fake-cluster SCENARIO… -- COMMAND…")
        }
    }

    func run() throws {
        var template = Array("/tmp/shardkv-fake-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure("cannot make a directory: \(String(cString: strerror(errno)))")
        }
        let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { rmdir(directory) }
        var faultCount = 0
        for path in scenarios {
            let scenario = try load(path)
            let verdicts = try play(scenario, directory)
            let faults = verdicts.filter { $0.fault != nil }
            faultCount += faults.count
            let outcome = faults.isEmpty ? "ok" : "\(faults.count) of \(verdicts.count) FAILED"
            if !quiet || !faults.isEmpty { print("\(path): \(scenario.title): \(outcome)") }
            for verdict in quiet ? faults : verdicts {
                print("  \(verdict.fault == nil ? "ok    " : "FAILED") line \(verdict.lineNumber): \(verdict.text)")
                if let fault = verdict.fault { print("         \(fault)") }
            }
        }
        if faultCount > 0 { throw CommandFailure("", exitCode: 1) }
    }

    /// The verdicts of the first play in which all is as expected, or else of the last.
    private func play(_ scenario: Scenario, _ directory: String) throws -> [ScenarioRun.Verdict] {
        var verdicts: [ScenarioRun.Verdict] = []
        for _ in 0..<plays {
            var run = try ScenarioRun(scenario, directory: directory)
            verdicts = try run.play(to: command)
            if verdicts.allSatisfy({ $0.fault == nil }) { break }
        }
        return verdicts
    }

    private func load(_ path: String) throws(CommandFailure) -> Scenario {
        let content: [UInt8]
        do throws(ShardMapError) {
            content = try FileSnapshot(path: path).content
        } catch { throw CommandFailure("\(error)") }
        do throws(ScenarioError) {
            return try ScenarioParser.parse(content)
        } catch { throw CommandFailure("\(path): \(error.message)") }
    }
}
