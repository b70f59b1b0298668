internal import KVCore
internal import KVSharding
internal import KVWire

/// The end of an action of a `WritePlan`.
private enum WriteEvent: Sendable {
    case answered(node: String, phase: Int, Result<MutationResponse, RPCError>)
    case waited(node: String, phase: Int)
    case cancelled
}

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
        await findClock(members, deadline: deadline)
        let result = await withTaskGroup(of: WriteEvent.self) { group in
            var plan = WritePlan(deadline: deadline, retries: target.retries)
            var now = time.monotonicMilliseconds
            var request = mutation.request(stamp: clock.stamp(now: now))
            var step = plan.begin(members: members, now: now)
            defer { group.cancelAll() }
            while true {
                switch step {
                case .done: return Result<Void, CallFailure>.success(())
                case .fail(let failure): return .failure(failure)
                case .perform(let actions):
                    for action in actions {
                        group.addTask { [request] in await self.perform(action, request) }
                    }
                    let event = await group.next() ?? .cancelled
                    now = time.monotonicMilliseconds
                    do throws(CallFailure) {
                        step = try take(event, &plan, mutation, target, now: now)
                    } catch { return .failure(error) }
                case .restamp(let cause):
                    switch cause {
                    case .superseded(let version): clock.raise(above: version)
                    case .refused(let node, let serverMilliseconds):
                        clock.correct(to: serverMilliseconds, of: node, now: now)
                    }
                    request = mutation.request(stamp: clock.stamp(now: now))
                    do throws(CallFailure) {
                        step = plan.begin(members: try self.members(of: mutation.key, target), now: now)
                    } catch { return .failure(error) }
                }
            }
        }
        try result.get()
    }

    private func perform<Request: RequestMessage>(
        _ action: WritePlan.Action,
        _ request: Request
    ) async -> WriteEvent where Request.Response == MutationResponse {
        switch action {
        case .send(let node, let phase, let timeoutMilliseconds):
            do throws(RPCError) {
                let response = try await sender.send(request, to: node, timeoutMilliseconds: timeoutMilliseconds)
                health.answered(node)
                return .answered(node: node, phase: phase, .success(response))
            } catch {
                report(error, of: node)
                return .answered(node: node, phase: phase, .failure(error))
            }
        case .wait(let node, let phase, let milliseconds):
            do { try await time.sleep(milliseconds: milliseconds) } catch { return .cancelled }
            return .waited(node: node, phase: phase)
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
            plan.answered(node: node, phase: phase, result, now: now)
        case .waited(let node, let phase):
            plan.waited(node: node, phase: phase, members: try members(of: mutation.key, target), now: now)
        case .cancelled:
            .fail(plan.abandoned(RPCError(.cancelled, "the call was cancelled")))
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
