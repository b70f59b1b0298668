internal import KVWire
internal import NIOCore
internal import Synchronization

/// How calls begin, on their callers' threads.
extension NodeConnection {
    /// Longer requests are written from the memory they were encoded to, without a copy.
    private static let largeBytes = 64 << 10
    /// The bound on a request's size is above the exact size by less than this.
    private static let boundSlackBytes = 1024

    /// Why a call ended before it began.
    private struct Refused: Error {
        let outcome: Outcome
    }

    /// An encoded request.
    private enum Payload {
        case small(UnsafeRawBufferPointer)
        case large(ByteBuffer)

        var count: Int {
            switch self {
            case .small(let bytes): bytes.count
            case .large(let buffer): buffer.readableBytes
            }
        }
    }

    /// Sends a request and waits for its answer until `deadline`.
    @inline(__always)
    func call(_ request: some RequestMessage, now: Int64, deadline: Int64) async -> Outcome {
        var now = now
        while true {
            let outcome = await suspend { send(request, now: now, deadline: deadline, .task($0)) }
            guard case .tooEarly = outcome else { return outcome }
            let hello = await waitForHello(deadline: deadline)
            guard case .reply = hello else { return hello }
            now = Self.now
        }
    }

    /// Sends a request and waits for its answer until `deadline`, but not much longer than `patience`, in milliseconds.
    func attempt(_ request: GetRequest, now: Int64, deadline: Int64, patience: Int64) async -> Outcome {
        // In step with others, so that many that leave cost few looks at the table; and later than `now`, which is rounded down.
        let grain = max(1, patience / 8)
        let leavesAt = ((now + patience) / grain + 1) * grain
        return await suspend { send(request, now: now, deadline: deadline, leavesAt: leavesAt, .task($0)) }
    }

    /// Encodes a request outside the lock and sends it. `completion` may be called before this returns.
    /// - Returns: the call's number, for `cancel`; nil = it has ended.
    func send(
        _ request: some RequestMessage,
        now: Int64,
        deadline: Int64,
        leavesAt: Int64 = Call.never,
        _ completion: Completion
    ) -> UInt32? {
        let method = type(of: request).method
        let maxBytes = request.maxEncodedBytes
        if maxBytes > Self.largeBytes {
            do throws(Refused) {
                try state.withLock { state throws(Refused) in
                    try checkRoom(state, payloadBytes: maxBytes - Self.boundSlackBytes)
                }
            } catch {
                completion(error.outcome)
                return nil
            }
            var buffer = ByteBuffer()
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: maxBytes) { request.encode(to: $0.baseAddress!) }
            return send(method, .large(buffer), now: now, deadline: deadline, leavesAt: leavesAt, completion)
        }
        return withUnsafeTemporaryAllocation(byteCount: maxBytes, alignment: 8) { bytes in
            let count = request.encode(to: bytes.baseAddress!)
            let payload = Payload.small(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            return send(method, payload, now: now, deadline: deadline, leavesAt: leavesAt, completion)
        }
    }

    /// Returns `reply` once HELLO is in; at once if it is.
    func waitForHello(deadline: Int64) async -> Outcome {
        await suspend { continuation in
            let completion = Completion.task(continuation)
            let call = Call(
                completion: completion,
                deadline: deadline,
                leavesAt: Call.never,
                position: Call.notAppended
            )
            return begin(completion, now: Self.now, deadline: deadline) { state throws(Refused) in
                switch state.phase {
                case .connecting: return try Self.insert(call, &state)
                case .open, .draining:
                    let hello = ResponseReader.Frame(header: FrameHeader(type: .hello), payload: ByteBuffer())
                    throw Refused(outcome: .reply(hello))
                case .ended(let error): throw Refused(outcome: .unsent(error))
                }
            }
        }
    }

    /// Lets `begin` begin a call for this task, and ends it if the task is cancelled.
    @inline(__always)
    private func suspend(_ begin: (UnsafeContinuation<Outcome, Never>) -> UInt32?) async -> Outcome {
        let ticket = CallTicket()
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if ticket.isCancelled {
                    continuation.resume(returning: .failed(Self.cancelled(wasSent: false)))
                } else if let number = begin(continuation), !ticket.register(number) {
                    cancel(number)
                }
            }
        } onCancel: {
            if let number = ticket.cancel() { cancel(number) }
        }
    }

    private func send(
        _ method: Method,
        _ payload: Payload,
        now: Int64,
        deadline: Int64,
        leavesAt: Int64,
        _ completion: Completion
    ) -> UInt32? {
        begin(completion, now: now, deadline: deadline, leavesAt: leavesAt) { state throws(Refused) in
            try checkRoom(state, payloadBytes: payload.count)
            let number = try Self.insert(
                Call(completion: completion, deadline: deadline, leavesAt: leavesAt, position: state.appended),
                &state
            )
            let header = FrameHeader(
                type: .request,
                code: method.rawValue,
                requestID: number,
                auxiliary: UInt32(clamping: deadline - now),
                payloadLength: payload.count
            )
            switch payload {
            case .small(let bytes): state.append(header, bytes)
            case .large(let buffer): state.append(header, buffer)
            }
            return number
        }
    }

    /// Lets `start` register a call under the lock, and sees to its flush and to the timer.
    private func begin(
        _ completion: Completion,
        now: Int64,
        deadline: Int64,
        leavesAt: Int64 = Call.never,
        _ start: (inout State) throws(Refused) -> UInt32
    ) -> UInt32? {
        do throws(Refused) {
            if now >= deadline { throw Refused(outcome: .failed(Self.timedOut(wasSent: false))) }
            let (number, mustFlush) = try state.withLock { state throws(Refused) in
                let number = try start(&state)
                let timerAt = min(deadline, leavesAt)
                if timerAt < state.timerAt {
                    state.timerAt = timerAt
                    state.isTimerDue = true
                }
                return (number, state.scheduleFlush())
            }
            if mustFlush { eventLoop.execute { self.flush() } }
            return number
        } catch {
            completion(error.outcome)
            return nil
        }
    }

    private func checkRoom(_ state: borrowing State, payloadBytes: Int) throws(Refused) {
        switch state.phase {
        case .connecting: throw Refused(outcome: .tooEarly)
        case .draining(let error), .ended(let error): throw Refused(outcome: .unsent(error))
        case .open(let maxPayloadBytes):
            if payloadBytes > maxPayloadBytes {
                let message = "a request of \(payloadBytes) bytes; the node takes at most \(maxPayloadBytes)"
                throw Refused(outcome: .failed(RPCError(.invalidArgument, message)))
            }
        }
        let waitingBytes = state.appended - state.written
        if waitingBytes > UInt64(options.maxQueuedBytes) {
            let error = RPCError(.resourceExhausted, "\(waitingBytes) bytes wait to be sent", reason: .overloaded)
            throw Refused(outcome: .failed(error))
        }
    }

    private static func insert(_ call: Call, _ state: inout State) throws(Refused) -> UInt32 {
        if let number = state.calls.insert(call) { return number }
        let message = "\(SlotTable<Call>.maxCount) calls are pending on the connection"
        throw Refused(outcome: .failed(RPCError(.resourceExhausted, message, reason: .overloaded)))
    }

    static func timedOut(wasSent: Bool) -> RPCError {
        wasSent
            ? RPCError(.deadlineExceeded, "no answer in time", reason: .indeterminate)
            : RPCError(.deadlineExceeded, "not reached in time")
    }

    static func cancelled(wasSent: Bool) -> RPCError {
        RPCError(.cancelled, "the call was cancelled", reason: wasSent ? .indeterminate : .none)
    }
}

/// What waits to be written.
extension NodeConnection.State {
    var hasOutput: Bool { output.readableBytes > 0 || !queue.isEmpty }

    mutating func append(_ header: FrameHeader, _ payload: UnsafeRawBufferPointer) {
        let count = FrameHeader.byteCount + payload.count
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            let start = bytes.baseAddress!
            header.write(to: start)
            if let source = payload.baseAddress {
                (start + FrameHeader.byteCount).copyMemory(from: source, byteCount: payload.count)
            }
            return count
        }
        appended += UInt64(count)
    }

    /// The payload is not copied.
    mutating func append(_ header: FrameHeader, _ payload: ByteBuffer) {
        append(header, UnsafeRawBufferPointer(start: nil, count: 0))
        queue.append(output)
        queue.append(payload)
        output = ByteBuffer()
        appended += UInt64(payload.readableBytes)
    }

    /// All of it, in order. The next batch is likely to be of this one's size.
    mutating func takeOutput() -> [ByteBuffer] {
        let last = output
        output = ByteBufferAllocator().buffer(capacity: min(last.readableBytes, 64 << 10))
        flushed = appended
        defer { queue.removeAll() }
        return last.readableBytes > 0 ? queue + [last] : queue
    }

    /// Drops what has not been flushed.
    mutating func dropOutput() {
        queue.removeAll()
        output = ByteBuffer()
        appended = flushed
    }

    /// True = the caller is to schedule a flush.
    mutating func scheduleFlush() -> Bool {
        guard !isFlushScheduled, isTimerDue || hasOutput else { return false }
        isFlushScheduled = true
        return true
    }
}
