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
            guard let channel = state.channel, state.output.readableBytes > 0 else {
                return (nil as ByteBuffer?, nil as (any Channel)?, timerAt)
            }
            let batch = state.output
            // The next batch is likely to be of this one's size.
            state.output = channel.allocator.buffer(capacity: min(batch.readableBytes, 64 << 10))
            state.flushed = state.appended
            if state.silentSince == nil { state.silentSince = now }
            return (batch, channel, timerAt)
        }
        if let timerAt { setTimer(at: timerAt) }
        guard let batch, let channel else { return }
        let promise = eventLoop.makePromise(of: Void.self)
        let count = UInt64(batch.readableBytes)
        promise.futureResult.whenComplete { _ in self.state.withLock { $0.written += count } }
        channel.writeAndFlush(batch, promise: promise)
    }

    /// Hands the answers of one read to their callers.
    func received(_ frames: [ResponseReader.Frame]) {
        var ended: [(Continuation, Outcome)] = []
        ended.reserveCapacity(frames.count)
        var load: UInt32?
        let now = Self.now
        let isDone = state.withLock { state in
            for frame in frames where frame.header.type == FrameType.response.rawValue {
                load = frame.header.auxiliary & 0xffff
                guard let call = state.calls.remove(frame.header.requestID), let continuation = call.continuation else {
                    continue
                }
                ended.append((continuation, frame.isTooLarge ? .failed(tooLarge(frame)) : .reply(frame)))
            }
            state.silentSince = state.calls.count == 0 ? nil : now
            return isDrained(state)
        }
        for (continuation, outcome) in ended { continuation.resume(returning: outcome) }
        for frame in frames where frame.header.type != FrameType.response.rawValue { receivedOther(frame) }
        if let load, let onLoad = options.onLoad { onLoad(node, UInt16(load)) }
        if isDone { end(Self.closed(node)) }
    }

    private func receivedOther(_ frame: ResponseReader.Frame) {
        guard !frame.isTooLarge else { return }
        switch FrameType(rawValue: frame.header.type) {
        case .hello:
            do throws(RPCError) {
                receivedHello(try frame.decode(Hello.self))
            } catch {
                end(RPCError(.unavailable, "\(node) sent no valid HELLO: \(error.message)"))
            }
        case .goAway:
            let cause = frame.error
            drain(
                RPCError(.unavailable, "\(node) ends the connection: \(cause.message)", reason: .draining),
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
            guard case .connecting = state.phase else { return [Continuation]() }
            state.phase = .open(maxPayloadBytes: hello.maxPayloadBytes)
            return take(&state) { $0.position == Call.notAppended }.map(\.continuation)
        }
        let reply = ResponseReader.Frame(header: FrameHeader(type: .hello), payload: ByteBuffer())
        for continuation in waiting { continuation.resume(returning: .reply(reply)) }
    }

    /// Takes no more calls; ends when those that were sent are answered.
    func retire() {
        drain(RPCError(.unavailable, "\(node) has left its address", reason: .draining), drops: false)
    }

    /// - Parameter drops: the server reads no more requests, so what has not left does not leave.
    private func drain(_ error: RPCError, drops: Bool) {
        let (unsent, hadHello, isDone) = state.withLock { state in
            let hadHello: Bool
            switch state.phase {
            case .draining, .ended: return ([Ended](), nil as Bool?, false)
            case .connecting: hadHello = false
            case .open: hadHello = true
            }
            state.phase = .draining(error)
            if drops {
                state.output.clear()
                state.appended = state.flushed
            }
            let unsent = take(&state) { [flushed = state.flushed] in
                $0.position == Call.notAppended || (drops && $0.position >= flushed)
            }
            return (unsent, hadHello, isDrained(state))
        }
        guard let hadHello else { return }
        notify(self, .unusable(hadHello: hadHello, error))
        for call in unsent { call.continuation.resume(returning: .unsent(error)) }
        if isDone { end(error) }
    }

    private func isDrained(_ state: borrowing State) -> Bool {
        if case .draining = state.phase { state.calls.count == 0 } else { false }
    }

    /// Closes the connection and fails its calls; the first of several errors counts.
    func end(_ error: RPCError) {
        let (ended, channel, isUsable, hadHello) = state.withLock { state in
            var (isUsable, hadHello) = (true, true)
            switch state.phase {
            case .ended: return (nil as [Ended]?, nil as (any Channel)?, false, true)
            case .draining: isUsable = false
            case .connecting: hadHello = false
            case .open: break
            }
            state.phase = .ended(error)
            let channel = state.channel
            state.channel = nil
            state.output = ByteBuffer()
            return (take(&state) { _ in true }, channel, isUsable, hadHello)
        }
        guard let ended else { return }
        channel?.close(promise: nil)
        if isUsable { notify(self, .unusable(hadHello: hadHello, error)) }
        notify(self, .ended)
        for call in ended {
            guard call.wasSent else {
                call.continuation.resume(returning: hadHello ? .unsent(error) : .failed(error))
                continue
            }
            var lost = error
            lost.reason = .indeterminate
            lost.message += "; the request may or may not have been executed"
            call.continuation.resume(returning: .failed(lost))
        }
    }

    /// The caller left: it is told so, and the server that nobody waits any more.
    func cancel(_ number: UInt32) {
        let (ended, mustFlush) = state.withLock { state -> (Ended?, Bool) in
            guard let call = state.calls.remove(number), let continuation = call.continuation else {
                return (nil, false)
            }
            let wasSent = call.position < state.flushed
            guard case .open = state.phase, wasSent else { return (Ended(continuation, wasSent: wasSent), false) }
            let frameBytes = state.output.writeWithUnsafeMutableBytes(minimumWritableBytes: FrameHeader.byteCount) {
                FrameHeader(type: .cancel, requestID: number).write(to: $0.baseAddress!)
                return FrameHeader.byteCount
            }
            state.appended += UInt64(frameBytes)
            let mustFlush = !state.isFlushScheduled
            state.isFlushScheduled = true
            return (Ended(continuation, wasSent: true), mustFlush)
        }
        if mustFlush { eventLoop.execute { self.flush() } }
        guard let ended else { return }
        let error = RPCError(.cancelled, "the call was cancelled", reason: ended.wasSent ? .indeterminate : .none)
        ended.continuation.resume(returning: .failed(error))
    }

    private func setTimer(at deadline: Int64) {
        let wait = max(0, deadline - Self.now) + 1
        eventLoop.scheduleTask(in: .milliseconds(wait)) { [weak self] in self?.expire() }
    }

    /// Ends the calls whose time is up.
    private func expire() {
        let now = Self.now
        let (expired, timerAt, isSilent, isDone) = state.withLock { state in
            var next = Int64.max
            let expired = take(&state) { call in
                if call.deadline <= now { return true }
                next = min(next, call.deadline)
                return false
            }
            // An earlier timer than the one that was due may have fired.
            state.timerAt = next == .max ? .max : max(next, now + Self.timerGrainMilliseconds)
            state.isTimerDue = false
            let silence = state.silentSince.map { now - $0 } ?? 0
            if state.calls.count == 0 && silence < options.silenceMilliseconds && expired.isEmpty {
                state.silentSince = nil
            }
            let isSilent = !expired.isEmpty && silence >= options.silenceMilliseconds
            return (expired, state.timerAt, isSilent, isDrained(state))
        }
        if timerAt != .max { setTimer(at: timerAt) }
        for call in expired {
            call.continuation.resume(returning: .failed(Self.timedOut(node, wasSent: call.wasSent)))
        }
        if isSilent {
            end(RPCError(.unavailable, "\(node) has been silent for \(options.silenceMilliseconds) ms"))
        } else if isDone {
            end(Self.closed(node))
        }
    }

    private func tooLarge(_ frame: ResponseReader.Frame) -> RPCError {
        let message =
            "\(node) answered with \(frame.header.payloadLength) bytes; at most \(options.maxResponseBytes) are read"
        return RPCError(.resourceExhausted, message, reason: .tooLarge)
    }

    static func closed(_ node: String) -> RPCError {
        RPCError(.unavailable, "the connection to \(node) is closed")
    }
}

extension NodeConnection {
    /// A call that was taken out of the table.
    struct Ended {
        let continuation: Continuation
        let wasSent: Bool

        init(_ continuation: Continuation, wasSent: Bool) {
            self.continuation = continuation
            self.wasSent = wasSent
        }
    }

    /// Takes out the suspended calls for which `predicate` holds.
    private func take(_ state: inout State, where predicate: (borrowing Call) -> Bool) -> [Ended] {
        var ended: [Ended] = []
        let flushed = state.flushed
        state.calls.removeAll { call in
            call.continuation != nil && predicate(call)
        } _: { call in
            ended.append(Ended(call.continuation!, wasSent: call.position < flushed))
        }
        return ended
    }
}
