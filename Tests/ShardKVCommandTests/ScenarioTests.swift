import Foundation
import KVCore
import KVWire
import Testing

@testable import ShardKVCommand

@Suite struct ScenarioParserTests {
    private func parse(_ lines: String...) throws(ScenarioError) -> Scenario {
        try ScenarioParser.parse(Array(lines.joined(separator: "\n").utf8))
    }

    @Test func aWholeScenario() throws {
        let scenario = try parse(
            "# a comment",
            "title two words",
            "nodes n1 n2",
            "unlisted n3",
            "down n2",
            "shard n1 n2",
            "shard n2",
            "epoch 7",
            "clock -5",
            "",
            "put k \"a b\" n1",
            "on n1 write x2 after 30 noisy error UNAVAILABLE moving retry-after 40 view",
            "on * set serve 2 8 n1 n3@2",
            "do set k \"v w\"  1",
            "    reply OK",
            "    asked first set 1..2",
            "forget",
            "serve 2 9 n3@4",
            "remap 1 n1",
            "do get k",
            "fails NOT_FOUND UNKNOWN"
        )
        #expect(scenario.title == "two words")
        #expect(scenario.nodes == ["n1", "n2", "n3"] && scenario.unlisted == ["n3"] && scenario.down == ["n2"])
        #expect(scenario.shards == [["n1", "n2"], ["n2"]])
        #expect(scenario.epoch == 7 && scenario.clockOffsetMilliseconds == -5)
        try #require(scenario.entries.count == 8)
        guard case .rule(let rule) = scenario.entries[1], case .error(let error, 0, true) = rule.action.kind else {
            Issue.record("\(scenario.entries[1])")
            return
        }
        #expect(rule.nodes == .named("n1") && rule.events == [.set, .delete] && rule.times == 2)
        #expect(rule.action.delayMilliseconds == 30 && rule.action.isNoisy && !rule.action.isDripping)
        #expect(error.code == .unavailable && error.reason == .moving && error.retryAfterMilliseconds == 40)
        guard case .rule(let rule) = scenario.entries[2], case .serve(let view) = rule.action.kind else {
            Issue.record("\(scenario.entries[2])")
            return
        }
        #expect(view.shard == 2 && view.epoch == 8 && view.members.map(\.incarnation) == [0, 2])
        guard case .command(let command) = scenario.entries[3] else {
            Issue.record("\(scenario.entries[3])")
            return
        }
        #expect(command.line == Array("set k \"v w\"  1".utf8), "as it stands in the file")
        #expect(command.expectations.map(\.lineNumber) == [15, 16])
    }

    @Test(arguments: [
        ("bogus", "unknown word 'bogus'"), ("reply OK", "without a 'do'"), ("on n9 get hang", "no node 'n9'"),
        ("on n1 put hang", "'put'"), ("on n1 get explode", "unknown action 'explode'"),
        ("on n1 get", "an action is missing"),
        ("on n1 get error NICE", "'NICE'"), ("on n1 get error OK", "'OK'"), ("on n1 get error INTERNAL why", "'why'"),
        ("on n1 get hang now", "too many words"), ("remap 2 n1", "no shard 2"), ("serve 1 2 n1@x", "'n1@x'"),
        ("serve 2 2 n1", "no shard 2"), ("on n1 set serve 1", "the epoch is missing"),
        ("epoch soon", "'soon'"), ("put k", "a value is missing"), ("title \"open", "a quote is not closed"),
    ])
    func faultsNameTheirLine(_ line: String, _ words: String) throws {
        let error = #expect(throws: ScenarioError.self) { try parse("nodes n1", "shard n1", line) }
        #expect(
            error?.message.hasPrefix("line 3: ") == true && error?.message.contains(words) == true,
            "\(error as Any)"
        )
    }

    @Test(arguments: [
        "asked n1 get", "asked n1 get 3..1", "asked n1 get many", "stored k v n9", "each-once reads", "maybe",
    ])
    func faultsOfExpectations(_ line: String) throws {
        #expect(throws: ScenarioError.self) { try parse("nodes n1", "shard n1", "do get k", line) }
    }
}

/// Each check passes for what it asks, and for nothing else.
@Suite struct JudgeTests {
    private func request(
        _ node: String,
        _ event: NodeEvent = .set,
        at arrivedAt: UInt64 = 0,
        answeredAt: UInt64? = nil,
        timeout: UInt32 = 1000,
        version: UInt64 = 9,
        expiresAt: UInt64 = 0,
        superseding: UInt64? = nil
    ) -> FakeCluster.Request {
        FakeCluster.Request(
            command: 1,
            node: node,
            event: event,
            arrivedAt: arrivedAt,
            answeredAt: answeredAt,
            timeoutMilliseconds: timeout,
            version: version == 0 ? .none : Version(milliseconds: version, writer: 1),
            expiresAt: expiresAt,
            superseding: superseding.map { Version(milliseconds: $0, writer: 2) }
        )
    }

    private func passes(
        _ check: ClientExpectation.Check,
        _ requests: [FakeCluster.Request] = [],
        reply: String? = "OK",
        stores: [String: FakeStore] = [:]
    ) -> Bool {
        Judge(reply: reply.map { Array($0.utf8) }, requests: requests, stores: stores, clock: 1000).fault(check) == nil
    }

    @Test func replies() {
        #expect(passes(.reply(Array("OK".utf8))))
        #expect(!passes(.reply(Array("OK".utf8)), reply: "OK ") && !passes(.reply(Array("OK".utf8)), reply: nil))
        #expect(passes(.fails(codes: ["A", "B"]), reply: "ERROR B why"))
        #expect(!passes(.fails(codes: ["A"]), reply: "ERROR B why") && !passes(.fails(codes: ["A"])))
        #expect(!passes(.fails(codes: ["A"]), reply: nil))
    }

    @Test func counts() {
        let requests = [request("n1"), request("n2"), request("n1"), request("n3", .get)]
        #expect(passes(.asked(.named("n1"), [.set], 2...2), requests))
        #expect(!passes(.asked(.named("n1"), [.set], 1...1), requests))
        #expect(passes(.asked(.first, [.set, .get], 2...2), requests))
        #expect(passes(.asked(.others, [.set, .get], 2...2), requests))
        #expect(passes(.asked(.any, [.delete], 0...0), requests) && !passes(.asked(.any, [.delete], 1...9), requests))
        #expect(passes(.eachOnce([.get]), requests) && !passes(.eachOnce([.set]), requests))
    }

    @Test func versions() {
        #expect(passes(.oneVersion, [request("n1"), request("n2"), request("n3", .get, version: 0)]))
        #expect(!passes(.oneVersion), "no write is no version")
        #expect(!passes(.oneVersion, [request("n1"), request("n2", version: 8)]))
        #expect(!passes(.oneVersion, [request("n1", version: 0), request("n2", version: 0)]))
        #expect(!passes(.oneVersion, [request("n1"), request("n2", expiresAt: 1)]))
        let restamped = [request("n1", superseding: 20), request("n2"), request("n1", version: 21)]
        #expect(passes(.versions(2...2), restamped) && !passes(.versions(1...1), restamped))
        #expect(passes(.aboveSuperseding, restamped))
        #expect(!passes(.aboveSuperseding, [request("n1", superseding: 20), request("n1", version: 19)]))
        #expect(!passes(.aboveSuperseding, [request("n1")]))
        #expect(passes(.nearClock(milliseconds: 10), [request("n1", version: 990)]))
        #expect(!passes(.nearClock(milliseconds: 10), [request("n1", version: 989)]))
        #expect(!passes(.nearClock(milliseconds: 10), [request("n1", version: 1011)]))
    }

    @Test func times() {
        let waited = [request("n1", answeredAt: 10), request("n2", at: 12), request("n1", at: 60)]
        #expect(passes(.waited(.any, [.set], milliseconds: 50), waited))
        #expect(!passes(.waited(.any, [.set], milliseconds: 70), waited))
        #expect(passes(.waited(.named("n2"), [.set], milliseconds: 70), waited))
        #expect(passes(.timeout([.set], maxMilliseconds: 1000), waited))
        #expect(!passes(.timeout([.set], maxMilliseconds: 999), waited))
        #expect(!passes(.timeout([.set], maxMilliseconds: 1000), [request("n1", timeout: 0)]))
    }

    @Test func whatIsStored() {
        var store = FakeStore()
        store.put([1], FakeStore.Record(version: Version(milliseconds: 1, writer: 1), value: [2], expiresAt: 0))
        store.put([3], FakeStore.Record(version: Version(milliseconds: 1, writer: 1), value: [4], expiresAt: 1000))
        let stores = ["n1": store]
        #expect(passes(.stored(nodes: ["n1"], key: [1], value: [2]), stores: stores))
        #expect(!passes(.stored(nodes: ["n1"], key: [1], value: [3]), stores: stores))
        #expect(!passes(.stored(nodes: ["n1", "n2"], key: [1], value: [2]), stores: stores))
        #expect(passes(.stored(nodes: ["n1", "n2"], key: [3], value: nil), stores: stores), "it has expired")
        #expect(!passes(.stored(nodes: ["n1"], key: [1], value: nil), stores: stores))
    }
}
