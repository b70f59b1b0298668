internal import CLinux
internal import Glibc
internal import KVWire

extension ServerLoop {
    /// A frame longer than this is read straight into its connection's own memory.
    private static let largeFrameBytes = 64 << 10
    /// A rest longer than this is not copied back and forth with each read.
    private static let smallRestBytes = 4096

    /// One pass of a connection that has something to read, or room to write.
    mutating func handle(_ connection: Connection.Pointer, events: UInt32, handler: some RequestHandler) {
        if connection.pointee.interest == Epoll.writable {
            if events & Epoll.broken != 0 { return close(connection) }
            guard sendRest(connection) else { return }
            if connection.pointee.output.isEmpty && connection.pointee.hasWaitingFrames {
                return handleWaiting(connection, handler: handler)
            }
            settle(connection)
        } else if connection.pointee.phase == .lingering {
            if receive(connection, into: readBuffer) != nil { return }
        } else if readsDirectly(connection) {
            readLargeFrame(connection, handler: handler)
        } else {
            read(connection, handler: handler)
        }
    }

    // MARK: Reading

    private func readsDirectly(_ connection: Connection.Pointer) -> Bool {
        let held = connection.pointee.input.count
        return held >= FrameHeader.byteCount
            && (connection.pointee.bytesNeeded > Self.largeFrameBytes || held > Self.smallRestBytes)
    }

    /// Reads into the connection's own memory, which grows as bytes arrive: a header alone gets none.
    private mutating func readLargeFrame(_ connection: Connection.Pointer, handler: some RequestHandler) {
        let needed = connection.pointee.bytesNeeded
        let held = connection.pointee.input.count
        if connection.pointee.input.room.count == 0 {
            connection.pointee.input.reserve(min(needed, max(2 * held, Self.largeFrameBytes)))
        }
        guard chargeMemory(of: connection) else { return refuseForMemory(connection) }
        let room = connection.pointee.input.room
        let wanted = UnsafeMutableRawBufferPointer(rebasing: room[..<min(room.count, needed - held)])
        guard let arrived = receive(connection, into: wanted) else { return }
        connection.pointee.input.commit(arrived)
        if connection.pointee.input.count < needed {
            expect(connection, by: clock.monotonic + configuration.frameTimeoutMilliseconds)
        } else {
            handleWaiting(connection, handler: handler)
        }
    }

    /// Handles what the connection's own memory holds.
    private mutating func handleWaiting(_ connection: Connection.Pointer, handler: some RequestHandler) {
        let progress = answer(connection.pointee.input.bytes, of: connection, handler: handler)
        connection.pointee.input.consume(progress.consumed)
        finish(connection, progress)
    }

    /// Returns how many bytes arrived, at least 1; nil = none, or the connection is closed now.
    mutating func receive(_ connection: Connection.Pointer, into room: UnsafeMutableRawBufferPointer) -> Int? {
        let count = linux_receive(connection.pointee.socket, room.baseAddress, room.count)
        if count > 0 {
            connection.pointee.readAt = clock.busy
            return count
        }
        if count == 0 || !Self.isTemporary(errno) { close(connection) }
        return nil
    }

    // MARK: Answering

    mutating func answer(
        _ bytes: UnsafeRawBufferPointer,
        of connection: Connection.Pointer,
        handler: some RequestHandler
    ) -> ServerConnection.Progress {
        // After the bytes were read: who asks when a deadline has passed is answered by a time behind it.
        let now = clock.now
        connection.pointee.protocolState.refusedPatience = refusedPatience(readAt: connection.pointee.readAt, now: now)
        return connection.pointee.protocolState.receive(
            bytes,
            handler: handler,
            now: now,
            requestLimit: configuration.maxRequestsPerTurn,
            outputLimit: configuration.outputLimitBytes,
            output: output
        )
    }

    /// Whose requests there is no time for, of those read at `readAt`. Looks at the second clock only where something may have
    /// waited: behind other connections of this pass, or since an earlier one.
    mutating func refusedPatience(readAt: UInt64, now: UInt64) -> UInt32 {
        if firstReadAt == nil { firstReadAt = now }
        if now == firstReadAt && readAt == clock.busy { return 0 }
        let busy = clock.busyNow
        return queue.refusedPatience(waited: busy - readAt, now: busy)
    }

    mutating func finish(_ connection: Connection.Pointer, _ progress: ServerConnection.Progress) {
        connection.pointee.bytesNeeded = progress.bytesNeeded
        if progress.closes { connection.pointee.phase = .closing }
        finish(connection)
    }

    /// Sends its answers.
    mutating func finish(_ connection: Connection.Pointer) {
        guard sendOutput(connection), !connection.pointee.isAtRest else { return }
        guard chargeMemory(of: connection) else { return refuseForMemory(connection) }
        settle(connection)
    }

    /// Registers the connection for what it waits for now, and sets its deadline.
    mutating func settle(_ connection: Connection.Pointer) {
        let hasUnsent = !connection.pointee.output.isEmpty
        if connection.pointee.phase == .closing && !hasUnsent {
            shutdown(connection.pointee.socket, Int32(SHUT_WR))
            connection.pointee.phase = .lingering
            connection.pointee.input.clear()
            _ = chargeMemory(of: connection)
            expect(connection, by: clock.monotonic + configuration.lingerMilliseconds)
        }
        let wanted = hasUnsent || connection.pointee.hasWaitingFrames ? Epoll.writable : Epoll.readable
        if wanted != connection.pointee.interest {
            connection.pointee.interest = wanted
            waitingCount += wanted == Epoll.writable ? 1 : -1
            let token = UInt64(UInt(bitPattern: connection))
            mailbox.epoll.modify(connection.pointee.socket, events: wanted, token: token)
        }
        if connection.pointee.phase == .lingering || !connection.pointee.protocolState.isEstablished { return }
        if hasUnsent {
            // Set when bytes move.
        } else if connection.pointee.input.isEmpty {
            connection.pointee.deadline = 0
        } else {
            let isStuckSending = connection.pointee.hasWaitingFrames
            let patience =
                isStuckSending ? configuration.sendTimeoutMilliseconds : configuration.frameTimeoutMilliseconds
            expect(connection, by: clock.monotonic + patience)
        }
    }

    // MARK: Writing

    /// Sends the loop's output; what the socket does not take is kept. Returns false when the connection is closed.
    mutating func sendOutput(_ connection: Connection.Pointer) -> Bool {
        guard output.count > 0 else { return true }
        defer { output.clear() }
        var sent = 0
        // After unsent bytes there is no room.
        if connection.pointee.output.isEmpty {
            sent = linux_send(connection.pointee.socket, output.base, output.count, Int32(MSG_NOSIGNAL))
            if sent == output.count { return true }
            if sent < 0 {
                guard Self.isTemporary(errno) else {
                    close(connection)
                    return false
                }
                sent = 0
            }
            expect(connection, by: clock.monotonic + configuration.sendTimeoutMilliseconds)
        }
        connection.pointee.output.append(UnsafeRawBufferPointer(rebasing: output.bytes[sent...]))
        return true
    }

    /// Sends what the connection kept. Returns false when it is closed.
    private mutating func sendRest(_ connection: Connection.Pointer) -> Bool {
        let bytes = connection.pointee.output.bytes
        guard bytes.count > 0 else { return true }
        let sent = linux_send(connection.pointee.socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        if sent > 0 {
            connection.pointee.output.consume(sent)
            // It waits for its client, not for this loop.
            if !connection.pointee.output.isEmpty { connection.pointee.readAt = clock.busy }
            _ = chargeMemory(of: connection)
            expect(connection, by: clock.monotonic + configuration.sendTimeoutMilliseconds)
        } else if sent < 0 && !Self.isTemporary(errno) {
            close(connection)
            return false
        }
        return true
    }

    private static func isTemporary(_ failure: Int32) -> Bool { failure == EAGAIN || failure == EINTR }
}
