internal import KVCore
internal import KVSharding
internal import KVWire

/// Where a write goes.
package enum WriteTarget: Sendable {
    /// To all replicas of the key's shard; those that fail for a while are asked again.
    case replicas
    /// To one node, whatever the shard map says, without a retry.
    case node(String)

    fileprivate var retries: Bool {
        if case .replicas = self { true } else { false }
    }
}

extension ClusterClient {
    /// Stores a value.
    /// - Parameter ttlMilliseconds: 0 = never expires.
    package func set(
        _ key: [UInt8],
        _ value: [UInt8],
        ttlMilliseconds: Int64,
        on target: WriteTarget = .replicas,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) {
        if ttlMilliseconds < 0 { throw CallFailure(.invalidArgument, "the TTL is negative: \(ttlMilliseconds) ms") }
        let mutation = SetMutation(key: key, value: value, ttlMilliseconds: ttlMilliseconds)
        try await write(mutation, to: target, timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Removes a key; whether it was there does not matter.
    package func delete(
        _ key: [UInt8],
        on target: WriteTarget = .replicas,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) {
        try await write(DeleteMutation(key: key), to: target, timeoutMilliseconds: timeoutMilliseconds)
    }

    private func write(
        _ mutation: some Mutation,
        to target: WriteTarget,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) {
        try Self.check(key: mutation.key)
        let deadline = saturatingSum(time.monotonicMilliseconds, timeoutMilliseconds)
        let members = try members(of: mutation.key, target)
        if !clock.hasEstimate { await findClock(members, deadline: deadline) }
        let events = WriteEvents()
        let place = pendingWrites.insert(events)
        var running: [@Sendable () -> Void] = []
        defer {
            pendingWrites.remove(place)
            if events.hasOutstanding { for cancel in running { cancel() } }
        }
        var plan = WritePlan(deadline: deadline, retries: target.retries)
        var now = time.monotonicMilliseconds
        var request = mutation.request(stamp: clock.stamp(now: now))
        var step = plan.begin(members: members, now: now)
        var happened: [WriteEvent] = []
        while true {
            switch step {
            case .done: return
            case .fail(let failure): throw failure
            case .perform(let actions):
                if !actions.isEmpty {
                    events.began(actions.count, phase: plan.phase)
                    for action in actions { running.append(start(action, request, events)) }
                }
                if happened.isEmpty {
                    happened = await events.next().reversed()
                    now = time.monotonicMilliseconds
                }
                step = try take(happened.removeLast(), &plan, mutation, target, now: now)
            case .restamp(let cause):
                switch cause {
                case .superseded(let version): clock.raise(above: version)
                case .refused(let node, let serverMilliseconds):
                    clock.correct(to: serverMilliseconds, of: node, now: now)
                }
                request = mutation.request(stamp: clock.stamp(now: now))
                step = plan.begin(members: try self.members(of: mutation.key, target), now: now)
            }
        }
    }

    /// - Returns: what cancels the action.
    private func start<Request: RequestMessage>(
        _ action: WritePlan.Action,
        _ request: Request,
        _ events: WriteEvents
    ) -> @Sendable () -> Void where Request.Response == MutationResponse {
        switch action {
        case .send(let node, let phase, let timeoutMilliseconds):
            return sender.start(request, to: node, timeoutMilliseconds: timeoutMilliseconds) { result in
                events.ended(.answered(node: node, phase: phase, result), phase: phase)
            }
        case .wait(let node, let phase, let milliseconds):
            let task = Task {
                do {
                    try await time.sleep(milliseconds: milliseconds)
                    events.ended(.waited(node: node, phase: phase), phase: phase)
                } catch { events.ended(.cancelled, phase: phase) }
            }
            return { task.cancel() }
        }
    }

    private func take(
        _ event: WriteEvent,
        _ plan: inout WritePlan,
        _ mutation: some Mutation,
        _ target: WriteTarget,
        now: UInt64
    ) throws(CallFailure) -> WritePlan.Step {
        switch event {
        case .answered(let node, let phase, let result):
            switch result {
            case .success: health.answered(node)
            case .failure(let error): report(error, of: node)
            }
            return plan.answered(node: node, phase: phase, result, now: now)
        case .waited(let node, let phase):
            return plan.waited(node: node, phase: phase, members: try members(of: mutation.key, target), now: now)
        case .mapChanged:
            return plan.rerouted(members: try members(of: mutation.key, target), now: now)
        case .cancelled:
            return .fail(plan.abandoned(RPCError(.cancelled, "the call was cancelled")))
        }
    }

    /// Before the first stamp: the clock of the first of the members to say HELLO. If none does, the local wall clock has
    /// to do; the servers refuse a stamp that is too far off.
    private func findClock(_ members: [String], deadline: UInt64) async {
        for node in members where !clock.hasEstimate {
            let now = time.monotonicMilliseconds
            guard now < deadline else { return }
            let share = min(attemptMilliseconds, (deadline - now) / UInt64(members.count + 1))
            try? await sender.connect(to: node, timeoutMilliseconds: UInt32(clamping: max(1, share)))
        }
    }

    private func members(of key: [UInt8], _ target: WriteTarget) throws(CallFailure) -> [String] {
        switch target {
        case .replicas: try members(of: key).members
        case .node(let node): [node]
        }
    }
}
