internal import KVCore
internal import KVSharding
internal import KVWire

/// Where a write goes.
package enum WriteTarget: Sendable {
    /// To all replicas of the key's shard, waiting for as many as the level says; those that fail for a while are asked again.
    case replicas(ConsistencyLevel)
    /// To one node, whatever the shard map says, without a retry.
    case node(String)

    fileprivate var level: ConsistencyLevel {
        if case .replicas(let level) = self { level } else { .all }
    }

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
        on target: WriteTarget = .replicas(.all),
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) {
        if ttlMilliseconds < 0 { throw CallFailure(.invalidArgument, "the TTL is negative: \(ttlMilliseconds) ms") }
        let mutation = SetMutation(key: key, value: value, ttlMilliseconds: ttlMilliseconds)
        try await write(mutation, to: target, timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Removes a key; whether it was there does not matter.
    package func delete(
        _ key: [UInt8],
        on target: WriteTarget = .replicas(.all),
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
        amplification.count()
        let deadline = saturatingSum(time.monotonicMilliseconds, timeoutMilliseconds)
        let route: Route
        switch target {
        case .replicas: route = try await self.route(of: mutation.key, deadline: deadline)
        case .node(let node): route = .only(node)
        }
        if !clock.hasEstimate { await findClock(route.members, deadline: deadline) }
        let now = time.monotonicMilliseconds
        var write = RunningWrite(
            mutation: mutation,
            plan: WritePlan(level: target.level, deadline: deadline, retries: target.retries, jitter: jitter),
            request: mutation.request(stamp: clock.stamp(now: now)),
            stampedAt: now,
            fixedRoute: target.retries ? nil : route
        )
        let events = CallEvents<MutationResponse>()
        let place = pendingWrites.insert(events)
        defer { pendingWrites.remove(place) }
        let step = write.plan.begin(route, now: now)
        let untold: [CallEvent<MutationResponse>]
        do throws(CallFailure) {
            untold = try await drive(&write, from: step, [], events)
        } catch {
            if events.hasOutstanding { write.cancel(before: .max) }
            throw error
        }
        if events.hasOutstanding { write.cancel(before: write.plan.phase) }
        if write.plan.isPending { goOn(write, untold, events) }
    }

    /// Brings a write that is acknowledged to the replicas that have not answered yet: nothing is done as long as they do.
    /// - Parameter untold: see `drive`.
    private func goOn(
        _ write: RunningWrite<some Mutation>,
        _ untold: [CallEvent<MutationResponse>],
        _ events: CallEvents<MutationResponse>
    ) {
        let goOn = { @Sendable (later: [CallEvent<MutationResponse>]) in
            let happened = later.reversed() + untold
            if happened.allSatisfy(\.isMereAnswer) { return }
            Task {
                var write = write
                write.plan.goOn()
                _ = try? await self.drive(&write, from: .perform([]), happened, events)
            }
        }
        if untold.allSatisfy(\.isMereAnswer) { events.handOver(goOn) } else { goOn([]) }
    }

    /// Performs what the plan says until it says no more.
    /// - Parameter happened: what is to be told to the plan before anything is waited for, the last first.
    /// - Returns: what had happened when the plan was done, and it was not told, the last first.
    private func drive(
        _ write: inout RunningWrite<some Mutation>,
        from step: WritePlan.Step,
        _ happened: [CallEvent<MutationResponse>],
        _ events: CallEvents<MutationResponse>
    ) async throws(CallFailure) -> [CallEvent<MutationResponse>] {
        var (step, happened) = (step, happened)
        var now = happened.isEmpty ? write.stampedAt : time.monotonicMilliseconds
        while true {
            switch step {
            case .done: return happened
            case .fail(let failure): throw failure
            case .perform(let actions):
                if !actions.isEmpty { perform(actions, &write, now: now, events) }
                if happened.isEmpty {
                    happened = await events.next(missing: write.plan.missing).reversed()
                    now = time.monotonicMilliseconds
                }
                step = try take(happened.removeLast(), &write, now: now)
            case .restamp(let cause):
                switch cause {
                case .superseded(let version): clock.raise(above: version)
                case .refused(let node, let serverMilliseconds):
                    clock.correct(to: serverMilliseconds, of: node, now: now)
                }
                write.request = write.mutation.request(stamp: clock.stamp(now: now))
                write.stampedAt = now
                step = write.plan.begin(try route(write), now: now)
            }
        }
    }

    private func perform(
        _ actions: [WritePlan.Action],
        _ write: inout RunningWrite<some Mutation>,
        now: UInt64,
        _ events: CallEvents<MutationResponse>
    ) {
        let phase = write.plan.phase
        write.request.view = write.plan.view
        if now != write.stampedAt {
            write.request.opClockMilliseconds = clock.milliseconds(now: now)
            write.stampedAt = now
        }
        events.began(actions.count { if case .send = $0 { true } else { false } }, phase: phase)
        for action in actions {
            switch action {
            case .send(let node, let phase, let timeoutMilliseconds):
                let sent = observer == nil ? 0 : time.monotonicMicroseconds
                let method = type(of: write.request).method
                if let observer { observer.asked(node, method) }
                let cancel = sender.start(write.request, to: node, timeoutMilliseconds: timeoutMilliseconds) { result in
                    if self.observer != nil { self.observe(node, method, result, sent: sent) }
                    events.ended(.answered(node: node, phase: phase, result), phase: phase)
                }
                write.running.append((phase, cancel))
            case .wait(let node, let phase, let milliseconds):
                write.running.append((phase, wait(node: node, phase: phase, milliseconds: milliseconds, events)))
            case .tell(let node): tell(node, shard: write.plan.shard)
            }
        }
    }

    private func observe(_ node: String, _ method: Method, _ result: Result<MutationResponse, RPCError>, sent: UInt64) {
        switch result {
        case .success: observer?.answered(node, method, microseconds: time.monotonicMicroseconds - sent)
        case .failure(let error): observer?.failed(node, error)
        }
    }

    /// Begins to wait.
    /// - Returns: what ends the wait early.
    func wait<Response>(
        node: String?,
        phase: Int,
        milliseconds: UInt64,
        _ events: CallEvents<Response>
    ) -> @Sendable () -> Void {
        events.began(1, phase: phase)
        let task = Task {
            do { try await time.sleep(milliseconds: milliseconds) } catch {}
            events.ended(.waited(node: node, phase: phase), phase: phase)
        }
        return { task.cancel() }
    }

    private func take(
        _ event: CallEvent<MutationResponse>,
        _ write: inout RunningWrite<some Mutation>,
        now: UInt64
    ) throws(CallFailure) -> WritePlan.Step {
        switch event {
        case .answered(let node, let phase, .success(let response)):
            nodes.answered(node, now: now * 1000)
            return write.plan.acknowledged(node: node, phase: phase, response)
        case .answered(let node, let phase, .failure(let error)):
            let lesson = report(error, of: node, shard: write.plan.shard, view: write.plan.view)
            return write.plan.failed(
                node: node,
                phase: phase,
                error,
                lesson: lesson,
                route: try route(write),
                now: now,
                mayRepeat: mayRepeat
            )
        case .waited(let node, let phase):
            guard let node else { preconditionFailure("a write waits for one node at a time") }
            return write.plan.waited(node: node, phase: phase, route: try route(write), now: now)
        case .routeChanged:
            return write.plan.rerouted(try route(write), now: now)
        case .cancelled:
            return .fail(write.plan.abandoned(RPCError(.cancelled, "the call was cancelled")))
        }
    }

    private func route(_ write: RunningWrite<some Mutation>) throws(CallFailure) -> Route {
        if let route = write.fixedRoute { return route }
        do throws(CallFailure) {
            return try route(of: write.mutation.key)
        } catch { throw write.plan.abandoned(RPCError(error.code, error.message)) }
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
}

/// A write under way.
private struct RunningWrite<Writing: Mutation>: Sendable {
    let mutation: Writing
    var plan: WritePlan
    var request: Writing.Request
    /// When the request's `opClockMilliseconds` was read.
    var stampedAt: UInt64
    /// Nil = routed anew whenever the key's route changes.
    let fixedRoute: Route?
    /// What ends each action early, with its phase.
    var running: [(phase: Int, cancel: @Sendable () -> Void)] = []

    func cancel(before phase: Int) {
        for action in running where action.phase < phase { action.cancel() }
    }
}
