internal import KVWire
internal import Synchronization

/// What a loop says to connections that it cannot keep, and the budgets that decide it.
extension ServerLoop {
    /// Tells a client that this server goes away; what it asked before is answered still.
    mutating func sayGoAway(_ connection: Connection.Pointer) {
        connection.pointee.knowsDraining = true
        guard connection.pointee.phase == .open else { return }
        let error = RPCError(
            .unavailable,
            "the server is shutting down",
            reason: .draining,
            serverTimeMilliseconds: clock.now
        )
        ServerConnection.goAway(error, to: output)
        guard sendOutput(connection) else { return }
        settle(connection)
    }

    /// Ends a connection that holds more than the budgets allow. One with unsent responses is in the middle of a
    /// frame, where no other can follow.
    mutating func refuseForMemory(_ connection: Connection.Pointer) {
        guard connection.pointee.output.isEmpty else { return close(connection) }
        connection.pointee.input.clear()
        _ = chargeMemory(of: connection)
        connection.pointee.phase = .closing
        let error = RPCError(
            .resourceExhausted,
            "incomplete frames of all clients take too much memory",
            reason: .overloaded,
            serverTimeMilliseconds: clock.now
        )
        ServerConnection.goAway(error, to: output)
        guard sendOutput(connection) else { return }
        settle(connection)
    }

    /// Books what the connection's queues hold now. Returns false when a budget is overdrawn by its doing.
    mutating func chargeMemory(of connection: Connection.Pointer) -> Bool {
        let capacity = connection.pointee.input.capacity
        let inputBytes = capacity > ServerConfiguration.freeInputBytes ? capacity : 0
        let outputBytes = connection.pointee.output.capacity
        let inputFits = Self.charge(
            gauges.inputBytes,
            inputBytes - connection.pointee.chargedInputBytes,
            budget: configuration.inputBudgetBytes
        )
        let outputFits = Self.charge(
            gauges.outputBytes,
            outputBytes - connection.pointee.chargedOutputBytes,
            budget: configuration.outputBudgetBytes
        )
        connection.pointee.chargedInputBytes = inputBytes
        connection.pointee.chargedOutputBytes = outputBytes
        return inputFits && outputFits
    }

    private static func charge(_ gauge: borrowing Atomic<Int>, _ change: Int, budget: Int) -> Bool {
        if change == 0 { return true }
        return gauge.add(change, ordering: .relaxed).newValue <= budget || change < 0
    }
}
