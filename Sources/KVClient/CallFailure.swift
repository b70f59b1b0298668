package import KVWire

/// Why a call failed: one code and one line for all of its replicas, and each one's own.
package struct CallFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package struct Replica: Hashable, Sendable {
        package var node: String
        package var error: RPCError

        package init(node: String, error: RPCError) {
            self.node = node
            self.error = error
        }
    }

    package var code: StatusCode
    package var message: String
    /// Where there is one to name.
    package var node: String?
    /// A write that may or may not have happened, or that happened on a part of the replicas.
    package var isIndeterminate: Bool
    /// It was not tried again because the client's budget for repetitions is used up.
    package var isOutOfBudget = false
    package var replicas: [Replica]

    package init(
        _ code: StatusCode,
        _ message: String,
        node: String? = nil,
        isIndeterminate: Bool = false,
        replicas: [Replica] = []
    ) {
        self.code = code
        self.message = message
        self.node = node
        self.isIndeterminate = isIndeterminate
        self.replicas = replicas
    }

    package var description: String { "\(code.name): \(message)" }

    /// A read that no replica answered: the last one's code stands for all.
    static func read(_ replicas: [Replica], isOutOfBudget: Bool = false) -> CallFailure {
        guard let last = replicas.last else {
            return CallFailure(.deadlineExceeded, "the deadline passed before a replica was asked")
        }
        var failure = CallFailure(
            last.error.code,
            replicas.count == 1
                ? list(replicas, namesCodes: false) : "no replica answered: \(list(replicas, namesCodes: true))",
            node: last.node,
            replicas: replicas
        )
        if isOutOfBudget { failure.endForBudget() }
        return failure
    }

    /// - Parameters:
    ///   - acknowledged: the replicas that took the write.
    ///   - mayHaveExecuted: another one may have taken it too.
    static func write(
        _ replicas: [Replica],
        acknowledged: [String],
        mayHaveExecuted: Bool,
        isOutOfBudget: Bool
    ) -> CallFailure {
        let isIndeterminate = mayHaveExecuted || !acknowledged.isEmpty
        let isCancelled = replicas.contains { $0.error.code == .cancelled }
        let code: StatusCode =
            isCancelled ? .cancelled : isIndeterminate ? .unknown : replicas.last?.error.code ?? .deadlineExceeded
        var message = list(replicas, namesCodes: isIndeterminate || replicas.count > 1)
        if !acknowledged.isEmpty { message += "; written on \(acknowledged.joined(separator: ", "))" }
        if isIndeterminate { message = "the write may or may not have happened: \(message)" }
        var failure = CallFailure(
            code,
            message,
            node: replicas.last?.node,
            isIndeterminate: isIndeterminate,
            replicas: replicas
        )
        if isOutOfBudget { failure.endForBudget() }
        return failure
    }

    private mutating func endForBudget() {
        isOutOfBudget = true
        if !isIndeterminate { code = .resourceExhausted }
        message += "; not tried again: too many calls fail (the budget for repetitions is used up)"
    }

    private static func list(_ replicas: [Replica], namesCodes: Bool) -> String {
        replicas.map { replica in
            "\(replica.node): \(namesCodes ? replica.error.description : replica.error.message)"
        }.joined(separator: "; ")
    }
}
