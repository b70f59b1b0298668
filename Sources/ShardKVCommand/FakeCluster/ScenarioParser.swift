import KVWire

/// Reads a scenario, line by line; the first fault ends it.
struct ScenarioParser {
    private var scenario = Scenario()

    static func parse(_ file: [UInt8]) throws(ScenarioError) -> Scenario {
        var parser = ScenarioParser()
        for (index, text) in file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if var line = try ScenarioLine(number: index + 1, text: Array(text)) {
                try parser.read(&line, raw: Array(text))
                try line.finish()
            }
        }
        guard !parser.scenario.shards.isEmpty else { throw ScenarioError(message: "the scenario has no shard") }
        return parser.scenario
    }

    private mutating func read(_ line: inout ScenarioLine, raw: [UInt8]) throws(ScenarioError) {
        let word = try line.word("a word")
        switch word {
        case "title": scenario.title = line.rest().joined(separator: " ")
        case "nodes": scenario.nodes += line.rest()
        case "unlisted":
            let names = line.rest()
            scenario.nodes += names
            scenario.unlisted.formUnion(names)
        case "down": scenario.down.formUnion(try nodes(&line))
        case "shard": scenario.shards.append(try nodes(&line))
        case "epoch": scenario.epoch = try line.number("the epoch")
        case "clock": scenario.clockOffsetMilliseconds = try line.number("the clock's offset")
        case "on": scenario.entries.append(.rule(try rule(&line)))
        case "forget": scenario.entries.append(.forget)
        case "put":
            let key = try line.bytes("a key")
            let value = try line.bytes("a value")
            scenario.entries.append(.put(nodes: try nodes(&line), key: key, value: value))
        case "remap":
            let shard = try shard(&line)
            scenario.entries.append(.remap(shard: shard, members: try nodes(&line)))
        case "serve": scenario.entries.append(.serve(try view(&line)))
        case "pause": scenario.entries.append(.pause(milliseconds: try line.number("how long")))
        case "do":
            let command = raw.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.dropFirst("do".utf8.count)
            _ = line.rest()
            scenario.entries.append(
                .command(Scenario.ClientCommand(lineNumber: line.number, line: Array(command.drop { $0 == 0x20 })))
            )
        default:
            guard case .command(var command) = scenario.entries.last else {
                throw line.error("unknown word '\(word)', or an expectation without a 'do' before it")
            }
            let check = try ClientExpectation.Check(word, &line, nodes: scenario.nodes)
            command.expectations.append(ClientExpectation(lineNumber: line.number, text: line.text, check: check))
            scenario.entries[scenario.entries.count - 1] = .command(command)
        }
    }

    /// The rest of the line, names of nodes.
    private func nodes(_ line: inout ScenarioLine) throws(ScenarioError) -> [String] {
        let names = line.rest()
        for name in names where !scenario.nodes.contains(name) { throw line.error("there is no node '\(name)'") }
        return names
    }

    private func shard(_ line: inout ScenarioLine) throws(ScenarioError) -> Int {
        let shard: Int = try line.number("the shard")
        guard scenario.shards.indices.contains(shard - 1) else { throw line.error("there is no shard \(shard)") }
        return shard
    }

    /// `on NODES EVENTS [xN] ACTION`
    private func rule(_ line: inout ScenarioLine) throws(ScenarioError) -> FaultRule {
        let selector = NodeSelector(try line.word("a node"))
        if case .named(let name) = selector, !scenario.nodes.contains(name) {
            throw line.error("there is no node '\(name)'")
        }
        let events = try line.events()
        var times = Int.max
        var action = FaultAction(kind: .honest)
        while true {
            let word = try line.word("an action")
            if word.first == "x", let count = Int(word.dropFirst()) {
                times = count
            } else if word == "after" {
                action.delayMilliseconds = try line.number("a delay")
            } else if word == "noisy" {
                action.isNoisy = true
            } else if word == "dripping" {
                action.isDripping = true
            } else {
                action.kind = try kind(word, &line)
                return FaultRule(nodes: selector, events: events, times: times, action: action)
            }
        }
    }

    private func kind(_ word: String, _ line: inout ScenarioLine) throws(ScenarioError) -> FaultAction.Kind {
        switch word {
        case "answer": return .honest
        case "value": return .value(try line.bytes("a value"))
        case "missing": return .value(nil)
        case "hang": return .hang
        case "half": return .half
        case "cut": return .cut(executes: line.take("executed"))
        case "superseded": return .superseded(aheadMilliseconds: try line.number("how far"))
        case "serve": return .serve(try view(&line))
        case "error": return try error(&line)
        case "goaway":
            let answers = line.take("answering")
            guard case .error(let error, _, _) = try error(&line) else { throw line.error("a status is missing") }
            return .goAway(error, answers: answers)
        default: throw line.error("unknown action '\(word)'")
        }
    }

    /// `CODE [REASON] [retry-after MS] [time OFFSET] [view]`
    private func error(_ line: inout ScenarioLine) throws(ScenarioError) -> FaultAction.Kind {
        let name = try line.word("a status code")
        guard let code = StatusCode.allCases.first(where: { $0.name == name }), code != .ok else {
            throw line.error("unknown status code '\(name)'")
        }
        var error = RPCError(code, "the scenario says \(name)")
        var clockOffset: Int64 = 0
        var tellsView = false
        while !line.isAtEnd {
            let word = try line.word("a word")
            switch word {
            case "retry-after": error.retryAfterMilliseconds = try line.number("the wait")
            case "time": clockOffset = try line.number("the clock's offset")
            case "view": tellsView = true
            default:
                guard let reason = Reason.allCases.first(where: { "\($0)" == word }) else {
                    throw line.error("unknown reason '\(word)'")
                }
                error.reason = reason
            }
        }
        return .error(error, clockOffsetMilliseconds: clockOffset, tellsView: tellsView)
    }

    /// `SHARD EPOCH NODE[@INCARNATION]…`, to the line's end. The ports are filled in when the nodes have theirs.
    private func view(_ line: inout ScenarioLine) throws(ScenarioError) -> View {
        let shard = try shard(&line)
        let epoch: UInt64 = try line.number("the epoch")
        var members: [View.Member] = []
        for word in line.rest() {
            let parts = word.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
            let incarnation = parts.count == 2 ? UInt64(parts[1]) : 0
            guard parts.count <= 2, let incarnation, scenario.nodes.contains(parts[0]) else {
                throw line.error("there is no node '\(word)'")
            }
            members.append(View.Member(node: parts[0], address: "127.0.0.1", port: 0, incarnation: incarnation))
        }
        return View(shard: shard, epoch: epoch, members: members)
    }
}

extension ScenarioLine {
    /// `get`, `write`, `any`, …
    mutating func events() throws(ScenarioError) -> Set<NodeEvent> {
        let word = try word("get, set, delete, write, any, exchange or connect")
        switch word {
        case "write": return [.set, .delete]
        case "any": return [.get, .set, .delete]
        default:
            guard let event = NodeEvent(rawValue: word) else { throw error("unknown kind of request '\(word)'") }
            return [event]
        }
    }
}

extension ClientExpectation.Check {
    init(_ word: String, _ line: inout ScenarioLine, nodes: [String]) throws(ScenarioError) {
        switch word {
        case "reply": self = .reply(try line.bytes("the reply"))
        case "fails": self = .fails(codes: line.rest())
        case "asked":
            let selector = NodeSelector(try line.word("a node"))
            self = .asked(selector, try line.events(), try line.range("how often"))
        case "each-once": self = .eachOnce(try line.events())
        case "one-version": self = .oneVersion
        case "versions": self = .versions(try line.range("how many"))
        case "above-superseding": self = .aboveSuperseding
        case "near-clock": self = .nearClock(milliseconds: try line.number("how near"))
        case "waited":
            let selector = NodeSelector(try line.word("a node"))
            self = .waited(selector, try line.events(), milliseconds: try line.number("how long"))
        case "timeout": self = .timeout(try line.events(), maxMilliseconds: try line.number("the most"))
        case "stored":
            let key = try line.bytes("a key")
            let value = line.take("nothing") ? nil : try line.bytes("a value")
            let names = line.rest()
            for name in names where !nodes.contains(name) { throw line.error("there is no node '\(name)'") }
            self = .stored(nodes: names, key: key, value: value)
        default: throw line.error("unknown word '\(word)'")
        }
    }
}
