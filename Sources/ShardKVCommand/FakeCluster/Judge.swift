import KVCore

/// Compares what the client did during a command with what the scenario expects.
struct Judge {
    /// The client's; nil = it said nothing.
    let reply: [UInt8]?
    /// The command's, in the order of their arrival.
    let requests: [FakeCluster.Request]
    let stores: [String: FakeStore]
    /// The nodes' clock now.
    let clock: UInt64

    /// What is wrong; nil = nothing.
    func fault(_ check: ClientExpectation.Check) -> String? {
        switch check {
        case .reply(let expected):
            return reply == expected ? nil : "the reply is \(shown(reply))"
        case .fails(let codes):
            let isExpected = codes.contains { code in reply?.starts(with: "ERROR \(code)".utf8) ?? false }
            return isExpected ? nil : "the reply is \(shown(reply))"
        case .asked(let nodes, let events, let range):
            let count = matching(nodes, events).count
            return range.contains(count) ? nil : "\(count) requests came; \(story)"
        case .eachOnce(let events):
            let asked = matching(.any, events).map(\.node)
            return Set(asked).count == asked.count ? nil : "a node was asked again; \(story)"
        case .oneVersion:
            guard let first = writes.first else { return "no write came" }
            if writes.contains(where: { $0.version.isNone }) { return "a write has no version" }
            if writes.contains(where: { $0.version != first.version }) { return "the versions differ; \(story)" }
            return writes.allSatisfy { $0.expiresAt == first.expiresAt } ? nil : "the deadlines differ"
        case .versions(let range):
            if versions.contains(where: \.isNone) { return "a write has no version" }
            return range.contains(versions.count) ? nil : "\(versions.count) versions came; \(story)"
        case .aboveSuperseding:
            guard let last = versions.last, let greatest = requests.compactMap(\.superseding).max() else {
                return "no write was superseded"
            }
            return last > greatest ? nil : "the last version is not above the one in place; \(story)"
        case .nearClock(let distance):
            guard let last = versions.last else { return "no write came" }
            let (low, high) = (min(last.milliseconds, clock), max(last.milliseconds, clock))
            return high - low <= distance ? nil : "the last version is \(high - low) ms from the nodes' clock"
        case .waited(let nodes, let events, let milliseconds):
            return waitFault(matching(nodes, events), milliseconds)
        case .timeout(let events, let most):
            let wrong = matching(.any, events).first { !(1...most).contains($0.timeoutMilliseconds) }
            return wrong.map { "a request to \($0.node) tells a timeout of \($0.timeoutMilliseconds) ms" }
        case .stored(let nodes, let key, let value):
            let wrong = nodes.first { stores[$0]?.value(of: key, clock: clock) != value }
            return wrong.map { "\($0) holds \(shown(stores[$0]?.value(of: key, clock: clock)))" }
        }
    }

    private var writes: [FakeCluster.Request] { requests.filter(\.event.isWrite) }

    /// The versions in the order in which they first came.
    private var versions: [Version] {
        writes.reduce(into: []) { versions, request in
            if !versions.contains(request.version) { versions.append(request.version) }
        }
    }

    /// A node that answered late was asked again early all the same if the client had given up: only what came after the
    /// answer counts.
    private func waitFault(_ requests: [FakeCluster.Request], _ milliseconds: Int64) -> String? {
        for (index, request) in requests.enumerated() {
            guard let answeredAt = request.answeredAt,
                let next = requests[(index + 1)...].first(where: {
                    $0.node == request.node && $0.arrivedAt >= answeredAt
                })
            else { continue }
            // Both clocks count whole milliseconds.
            let waited = Int64(next.arrivedAt - answeredAt)
            if waited + 1 < milliseconds { return "\(request.node) was asked again after \(waited) ms" }
        }
        return nil
    }

    private func matching(_ nodes: NodeSelector, _ events: Set<NodeEvent>) -> [FakeCluster.Request] {
        let first = requests.first?.node
        return requests.filter { events.contains($0.event) && nodes.contains($0.node, first: first) }
    }

    /// All that came, for whoever has to find out why.
    private var story: String {
        guard !requests.isEmpty else { return "nothing came" }
        let start = requests[0].arrivedAt
        return requests.map { request in
            var told = "\(request.event.rawValue) at \(request.node) after \(request.arrivedAt - start) ms"
            if request.event.isWrite {
                told += " with version \(request.version.milliseconds)+\(request.version.time & 0xffff)"
            }
            return told
        }.joined(separator: ", ")
    }

    private func shown(_ bytes: [UInt8]?) -> String {
        bytes.map { String(decoding: Quoting.quoted($0), as: UTF8.self) } ?? "missing"
    }
}
