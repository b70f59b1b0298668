/// Lets the events of a schedule happen: each lane in its order, and all lanes at once.
struct FaultInjector {
    let cluster: ChaosCluster
    let recorder: Recorder
    /// When the schedule begins and ends.
    let start: ContinuousClock.Instant
    let end: ContinuousClock.Instant

    /// Returns when every lane has ended and undone what it did; links and stopped processes included.
    func run() async throws {
        try await withThrowingTaskGroup { group in
            for lane in Lane.allCases {
                let events = cluster.scenario.events.filter { $0.lane == lane }
                group.addTask { try await run(events) }
            }
            try await group.waitForAll()
        }
    }

    private func run(_ events: [Event]) async throws {
        try await withThrowingTaskGroup { group in
            for event in events {
                try await Task.sleep(until: start + .milliseconds(event.at), clock: .continuous)
                guard ContinuousClock.now < end else { break }
                if try await perform(event.fault, &group) { recorder.count(event.fault.kind) }
            }
            try await group.waitForAll()
        }
    }

    /// - Returns: whether there was time for it.
    private func perform(_ fault: Fault, _ group: inout ThrowingTaskGroup<Void, any Error>) async throws -> Bool {
        switch fault {
        case .kill(let node, let downMilliseconds):
            guard try await isRecovered() else { return false }
            await cluster.kill(node)
            try await pause(downMilliseconds)
            try await cluster.start(node)
        case .stop(let node, let milliseconds):
            guard try await isRecovered() else { return false }
            cluster.stop(node)
            defer { cluster.resume(node) }
            try await pause(milliseconds)
        case .cut(_, _, let milliseconds, _), .delay(_, _, let milliseconds):
            cluster.apply(fault)
            defer { cluster.undo(fault) }
            try await pause(milliseconds)
        case .map(let epoch, let delays):
            for (name, delay) in delays {
                group.addTask {
                    try await pause(delay)
                    try cluster.deliver(epoch, to: name)
                }
            }
        }
        return true
    }

    /// Waits until all nodes serve again: only one may be lost at a time.
    private func isRecovered() async throws -> Bool {
        while ContinuousClock.now < end {
            if await cluster.observer.obstacles(at: nil).isEmpty { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    /// At most to the end of the schedule.
    private func pause(_ milliseconds: Int) async throws {
        try await Task.sleep(until: min(end, .now + .milliseconds(milliseconds)), clock: .continuous)
    }
}
