internal import KVWire
internal import NIOCore
internal import Synchronization

/// What happens to a connection: flushes, answers, deadlines, its end. All but `cancel`, `retire` and `end` run on the event loop.
extension NodeConnection {
    /// Deadlines are met to within this many milliseconds, so that many calls that end one after the other cost few looks at
    /// the table.
    private static let timerGrainMilliseconds: Int64 = 5

    /// Writes all that was appended, and sets the timer.
    func flush() {
        let now = Self.now
        let (batch, channel, timerAt) = state.withLock { state in
            state.isFlushScheduled = false
            let timerAt = state.isTimerDue ? state.timerAt : nil
            state.isTimerDue = false
            guard let channel = state.channel, state.hasOutput else {
                return ([ByteBuffer](), nil as (any Channel)?, timerAt)
            }
            if state.silentSince == nil, state.calls.count > 0 { state.silentSince = now }
            return (state.takeOutput(), channel, timerAt)
        }
        if let timerAt { setTimer(at: timerAt) }
        guard let channel, let last = batch.last else { return }
        let promise = eventLoop.makePromise(of: Void.self)
        let count = batch.reduce(0) { $0 + UInt64($1.readableBytes) }
        promise.futureResult.whenComplete { _ in self.state.withLock { $0.written += count } }
        for buffer in batch.dropLast() { channel.write(buffer, promise: nil) }
        channel.writeAndFlush(last, promise: promise)
    }

    /// A call, and the index of its answer. No tuple, in which a closure is wrapped once more.
    private struct Answered {
        let completion: Completion
        let index: Int
    }

    /// Hands the answers of one read to their callers.
    func received(_ frames: [ResponseReader.Frame]) {
        var answered: [Answered] = []
        answered.reserveCapacity(frames.count)
        var load: UInt32?
        let now = Self.now
        let isDone = state.withLock { state in
            for index in frames.indices where frames[index].header.type == FrameType.response.rawValue {
                load = frames[index].header.auxiliary & 0xffff
                guard let call = state.calls.remove(frames[index].header.requestID) else { continue }
                answered.append(Answered(completion: call.completion, index: index))
            }
            state.silentSince = state.calls.count == 0 ? nil : now
            return isDrained(state)
        }
        for call in answered {
            let frame = frames[call.index]
            call.completion(frame.isTooLarge ? .failed(tooLarge(frame)) : .reply(frame))
        }
        for index in frames.indices where frames[index].header.type != FrameType.response.rawValue {
            receivedOther(frames[index])
        }
        if let load, let onLoad = options.onLoad { onLoad(node, UInt16(load)) }
        if isDone { end(Self.closed) }
    }

    private func receivedOther(_ frame: ResponseReader.Frame) {
        guard !frame.isTooLarge else { return }
        switch FrameType(rawValue: frame.header.type) {
        case .hello:
            do throws(RPCError) {
                receivedHello(try frame.decode(Hello.self))
            } catch {
                end(RPCError(.unavailable, "no valid HELLO: \(error.message)"))
            }
        case .goAway:
            let cause = frame.error
            drain(
                RPCError(.unavailable, "the node ends the connection: \(cause.message)", reason: .draining),
                drops: true
            )
        case .ping where frame.header.flags & FrameFlags.acknowledgement == 0:
            var answer = ByteBuffer()
            answer.writeWithUnsafeMutableBytes(minimumWritableBytes: FrameHeader.byteCount) { bytes in
                FrameHeader(type: .ping, flags: FrameFlags.acknowledgement, requestID: frame.header.requestID)
                    .write(to: bytes.baseAddress!)
                return FrameHeader.byteCount
            }
            state.withLock { $0.channel }?.writeAndFlush(answer, promise: nil)
        // Of a later version, or only for servers.
        default: break
        }
    }

    private func receivedHello(_ hello: Hello) {
        notify(self, .reached(hello))
        let waiting = state.withLock { state in
            guard case .connecting = state.phase else { return [Call]() }
            state.phase = .open(maxPayloadBytes: hello.maxPayloadBytes)
            return take(&state) { !$1.isAppended }
        }
        let reply = ResponseReader.Frame(header: FrameHeader(type: .hello), payload: ByteBuffer())
        for call in waiting { call.completion(.reply(reply)) }
    }

    /// Takes no more calls; ends when those that were sent are answered.
    func retire() {
        drain(RPCError(.unavailable, "the node has left \(endpoint)", reason: .draining), drops: false)
    }

    /// - Parameter drops: the server reads no more requests, so what has not left does not leave.
    private func drain(_ error: RPCError, drops: Bool) {
        let (unsent, hadHello, isDone) = state.withLock { state in
            let hadHello: Bool
            switch state.phase {
            case .draining, .ended: return ([Call](), nil as Bool?, false)
            case .connecting: hadHello = false
            case .open: hadHello = true
            }
            state.phase = .draining(error)
            if drops { state.dropOutput() }
            let unsent = take(&state) { [flushed = state.flushed] in
                !$1.isAppended || (drops && $1.position >= flushed)
            }
            return (unsent, hadHello, isDrained(state))
        }
        guard let hadHello else { return }
        notify(self, .unusable(hadHello: hadHello, error))
        for call in unsent { call.completion(.unsent(error)) }
        if isDone { end(error) }
    }

    private func isDrained(_ state: borrowing State) -> Bool {
        if case .draining = state.phase { state.calls.count == 0 } else { false }
    }

    /// Closes the connection and fails its calls; the first of several errors counts.
    func end(_ error: RPCError) {
        let (ended, flushed, channel, isUsable, hadHello) = state.withLock { state in
            var (isUsable, hadHello) = (true, true)
            switch state.phase {
            case .ended: return (nil as [Call]?, UInt64(0), nil as (any Channel)?, false, true)
            case .draining: isUsable = false
            case .connecting: hadHello = false
            case .open: break
            }
            state.phase = .ended(error)
            let channel = state.channel
            state.channel = nil
            state.dropOutput()
            return (take(&state) { _, _ in true }, state.flushed, channel, isUsable, hadHello)
        }
        guard let ended else { return }
        channel?.close(promise: nil)
        if isUsable { notify(self, .unusable(hadHello: hadHello, error)) }
        notify(self, .ended)
        for call in ended {
            guard call.position < flushed else {
                call.completion(hadHello ? .unsent(error) : .failed(error))
                continue
            }
            var lost = error
            lost.reason = .indeterminate
            lost.message += "; the request may or may not have been executed"
            call.completion(.failed(lost))
        }
    }

    /// The caller left: it is told so, and the server that nobody waits any more. What was appended is on its way.
    func cancel(_ number: UInt32) {
        let (call, mustFlush) = state.withLock { state -> (Call?, Bool) in
            guard let call = state.calls.remove(number) else { return (nil, false) }
            if state.calls.count == 0 { state.silentSince = nil }
            guard case .open = state.phase, call.isAppended else { return (call, false) }
            let header = FrameHeader(type: .cancel, requestID: number)
            state.append(header, UnsafeRawBufferPointer(start: nil, count: 0))
            return (call, state.scheduleFlush())
        }
        if mustFlush { eventLoop.execute { self.flush() } }
        if let call { call.completion(.failed(Self.cancelled(wasSent: call.isAppended))) }
    }

    /// Sets the timer, in the place of one that was set.
    private func setTimer(at moment: Int64) {
        let time = NIODeadline.uptimeNanoseconds(UInt64(moment) * 1_000_000)
        // Nil = the event loop ends.
        let timer = try? eventLoop.scheduleCallback(at: time, handler: self)
        let former = state.withLock { state in
            defer { state.timer = timer }
            return state.timer
        }
        former?.cancel()
    }

    /// Ends the calls whose time is up, and lets those go on that wait no longer.
    private func expire() {
        let now = Self.now
        let (expired, left, timerAt, isSilent, isDone) = state.withLock { state in
            var left: [(task: Completion, call: LateCall)] = []
            var timerAt = Int64.max
            let expired = take(&state) { number, call in
                if call.deadline <= now { return true }
                if call.leavesAt <= now {
                    let late = LateCall(number, of: self)
                    left.append((call.completion, late))
                    call.completion = .late(late)
                    call.leavesAt = Call.never
                }
                timerAt = min(timerAt, call.leavesAt, max(call.deadline, now + Self.timerGrainMilliseconds))
                return false
            }
            state.timerAt = timerAt
            state.isTimerDue = false
            let silence = state.silentSince.map { now - $0 } ?? 0
            let isSilent = !expired.isEmpty && silence >= options.silenceMilliseconds
            return (expired, left, timerAt, isSilent, isDrained(state))
        }
        if timerAt != .max { setTimer(at: timerAt) }
        for call in expired {
            call.completion(.failed(Self.timedOut(wasSent: call.isAppended)))
        }
        for (task, call) in left { task(.late(call)) }
        if isSilent {
            end(RPCError(.unavailable, "silent for \(options.silenceMilliseconds) ms"))
        } else if isDone {
            end(Self.closed)
        }
    }

    private func tooLarge(_ frame: ResponseReader.Frame) -> RPCError {
        let message =
            "an answer of \(frame.header.payloadLength) bytes; at most \(options.maxResponseBytes) are read"
        return RPCError(.resourceExhausted, message, reason: .tooLarge)
    }

    static let closed = RPCError(.unavailable, "the connection was closed")
}

extension NodeConnection: NIOScheduledCallbackHandler {
    func handleScheduledCallback(eventLoop: some EventLoop) { expire() }
}

extension NodeConnection {
    /// Takes out the calls for which `predicate` holds.
    private func take(
        _ state: inout State,
        where predicate: (_ number: UInt32, inout Call) -> Bool
    ) -> [Call] {
        var taken: [Call] = []
        state.calls.removeAll(where: predicate) { taken.append($0) }
        return taken
    }
}
