package import KVCore
package import KVWire

/// Decides how a write reaches all replicas. No I/O: the driver performs the actions and reports each one's end.
///
/// A phase sends one version to all members at once. A replica that could not be reached, or said that its trouble
/// will pass, is asked again after a wait, within the deadline and with the same version, which makes it harmless if it was
/// executed before. If the members have changed by then, the phase begins anew on the new ones. A stamp that was refused or
/// superseded is replaced once, which begins a phase too. Times are in milliseconds of one clock.
package struct WritePlan {
    package enum Action: Hashable {
        case send(node: String, phase: Int, timeoutMilliseconds: UInt32)
        case wait(node: String, phase: Int, milliseconds: UInt64)
    }

    package enum Restamp: Hashable {
        /// Another writer's version was in place: stamp above it.
        case superseded(Version)
        /// The node refused the stamp; it told its time (0 = it did not).
        case refused(node: String, serverMilliseconds: UInt64)
    }

    package enum Step: Hashable {
        case perform([Action])
        /// Stamp anew, then `begin`.
        case restamp(Restamp)
        case done
        indirect case fail(CallFailure)
    }

    private enum Outcome {
        case pending
        case acknowledged
        case failed(RPCError)
    }

    private struct Replica {
        let node: String
        var outcome = Outcome.pending
        var attempts = 0
        /// An attempt is under way.
        var isAsked = false
        /// An attempt left for the node, or may have, and was not answered.
        var mayHaveExecuted = false

        init(_ node: String) { self.node = node }
    }

    private var replicas: [Replica] = []
    private(set) var phase = 0
    private let deadline: UInt64
    private let retries: Bool
    private var wasSuperseded = false
    private var wasRefused = false
    /// A replica of an earlier phase took the write, or may have.
    private var mayHaveExecutedBefore = false

    /// - Parameter retries: false = a replica's first error is final; only a stamp is replaced.
    package init(deadline: UInt64, retries: Bool = true) {
        self.deadline = deadline
        self.retries = retries
    }

    /// Begins a phase on all `members`.
    package mutating func begin(members: [String], now: UInt64) -> Step {
        for replica in replicas {
            if case .acknowledged = replica.outcome { mayHaveExecutedBefore = true }
            if replica.mayHaveExecuted || replica.isAsked { mayHaveExecutedBefore = true }
        }
        phase += 1
        replicas = members.map { Replica($0) }
        guard now < deadline else { return .fail(outOfTime()) }
        return .perform(replicas.indices.map { send($0, now: now) })
    }

    /// A `send` ended.
    package mutating func answered(
        node: String,
        phase: Int,
        _ result: Result<MutationResponse, RPCError>,
        now: UInt64
    ) -> Step {
        guard phase == self.phase, let index = replicas.firstIndex(where: { $0.node == node }) else {
            if case .failure(let error) = result, !error.mayHaveExecuted { return .perform([]) }
            mayHaveExecutedBefore = true
            return .perform([])
        }
        replicas[index].isAsked = false
        switch result {
        case .success(let response):
            replicas[index].outcome = .acknowledged
            if !response.superseded.isNone, !wasSuperseded {
                wasSuperseded = true
                return .restamp(.superseded(response.superseded))
            }
        case .failure(let error):
            if error.mayHaveExecuted { replicas[index].mayHaveExecuted = true }
            if error.refusesStamp, !wasRefused {
                wasRefused = true
                return .restamp(.refused(node: node, serverMilliseconds: error.serverTimeMilliseconds))
            }
            if retries, error.isTransient || error.code == .unavailable {
                let wait = RetryWait.milliseconds(after: error, attempt: replicas[index].attempts)
                replicas[index].attempts += 1
                if now + wait < deadline {
                    return .perform([.wait(node: node, phase: phase, milliseconds: wait)])
                }
            }
            replicas[index].outcome = .failed(error)
        }
        return settle()
    }

    /// A `wait` ended.
    /// - Parameter members: the shard's members by the newest map; not empty.
    package mutating func waited(node: String, phase: Int, members: [String], now: UInt64) -> Step {
        guard phase == self.phase, let index = replicas.firstIndex(where: { $0.node == node }) else {
            return .perform([])
        }
        if isRerouted(members) { return begin(members: members, now: now) }
        guard now < deadline else { return .fail(outOfTime()) }
        return .perform([send(index, now: now)])
    }

    /// The map may have changed; a replica that it took away is not waited for.
    package mutating func rerouted(members: [String], now: UInt64) -> Step {
        retries && isRerouted(members) ? begin(members: members, now: now) : .perform([])
    }

    /// What the caller is told if the call ends now, whatever is still pending.
    package func abandoned(_ error: RPCError) -> CallFailure {
        failure(pending: error)
    }

    private func isRerouted(_ members: [String]) -> Bool {
        !members.elementsEqual(replicas.lazy.map(\.node)) && Set(members) != Set(replicas.map(\.node))
    }

    private mutating func send(_ index: Int, now: UInt64) -> Action {
        replicas[index].isAsked = true
        return .send(node: replicas[index].node, phase: phase, timeoutMilliseconds: UInt32(clamping: deadline - now))
    }

    private func settle() -> Step {
        var hasFailed = false
        for replica in replicas {
            switch replica.outcome {
            case .pending: return .perform([])
            case .acknowledged: break
            case .failed: hasFailed = true
            }
        }
        return hasFailed ? .fail(failure(pending: nil)) : .done
    }

    private func outOfTime() -> CallFailure {
        failure(pending: RPCError(.deadlineExceeded, "the deadline passed"))
    }

    /// - Parameter pending: what became of those that have not ended.
    private func failure(pending: RPCError?) -> CallFailure {
        var failed: [CallFailure.Replica] = []
        var acknowledged: [String] = []
        for replica in replicas {
            switch replica.outcome {
            case .acknowledged: acknowledged.append(replica.node)
            case .failed(let error): failed.append(CallFailure.Replica(node: replica.node, error: error))
            case .pending:
                if let pending { failed.append(CallFailure.Replica(node: replica.node, error: pending)) }
            }
        }
        return .write(
            failed,
            acknowledged: acknowledged,
            mayHaveExecuted: mayHaveExecutedBefore || replicas.contains { $0.mayHaveExecuted || $0.isAsked }
        )
    }
}
