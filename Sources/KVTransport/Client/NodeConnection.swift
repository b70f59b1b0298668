internal import KVWire
internal import NIOCore
internal import Synchronization

/// One TCP connection to a node, shared by all callers.
///
/// Callers encode straight into one buffer under the lock; the first to append schedules the write of all of it on the event
/// loop. The event loop parses all that a read brought, then resumes all of its callers. No promise and no hop per
/// call.
///
/// ```
/// connecting ──HELLO──▶ open ──GOAWAY or `retire`──▶ draining ──last answer──▶ ended
///      └───────────────────┴──── failure, `end` ────────┴──────────────────────▶ ended
/// ```
/// Requests leave in `open` only, so that a node which says no HELLO has certainly executed none.
final class NodeConnection: Sendable {
    enum Outcome: Sendable {
        case reply(ResponseReader.Frame)
        case failed(RPCError)
        /// The request did not leave, because this connection ends; another one may take it.
        case unsent(RPCError)
    }

    typealias Continuation = CheckedContinuation<Outcome, Never>

    /// A caller that waits, for its answer or for HELLO.
    struct Call {
        /// Nil between the call's registration and its suspension.
        var continuation: Continuation?
        var deadline: Int64
        /// Where its request starts in all the bytes of this connection; `notAppended` for one that waits for HELLO.
        var position = notAppended

        static let notAppended = UInt64.max
    }

    enum Phase {
        case connecting
        case open(maxPayloadBytes: Int)
        case draining(RPCError)
        case ended(RPCError)
    }

    /// What the owner of the connection is told, once each.
    enum Notice {
        case reached(Hello)
        /// No more calls are to be given to this connection.
        case unusable(hadHello: Bool, RPCError)
        case ended
    }

    struct State: ~Copyable {
        var phase = Phase.connecting
        var channel: (any Channel)?
        var calls = SlotTable<Call>()
        var output = ByteBuffer()
        /// An event-loop task that will write `output` and set the timer is on its way.
        var isFlushScheduled = false
        /// How many bytes were appended to `output`, handed to the channel, and taken by the socket, ever.
        var appended: UInt64 = 0
        var flushed: UInt64 = 0
        var written: UInt64 = 0
        /// When the timer is to fire; it is set by the next flush if `isTimerDue`.
        var timerAt = Int64.max
        var isTimerDue = false
        /// Since when answers have been due and nothing has arrived; nil = none are due.
        var silentSince: Int64?
    }

    let node: String
    let endpoint: NodeEndpoint
    let options: ConnectionOptions
    let eventLoop: any EventLoop
    let state = Mutex(State())
    let notify: @Sendable (NodeConnection, Notice) -> Void

    init(
        node: String,
        endpoint: NodeEndpoint,
        options: ConnectionOptions,
        eventLoop: any EventLoop,
        notify: @escaping @Sendable (NodeConnection, Notice) -> Void
    ) {
        self.node = node
        self.endpoint = endpoint
        self.options = options
        self.eventLoop = eventLoop
        self.notify = notify
    }

    /// Milliseconds of the clock that deadlines are of.
    static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    /// Sends a request and waits for its answer until `deadline`.
    func call(_ request: some RequestMessage, deadline: Int64) async -> Outcome {
        if case .connecting = state.withLock({ $0.phase }) {
            let outcome = await waitForHello(deadline: deadline)
            guard case .reply = outcome else { return outcome }
        }
        return await suspend(deadline: deadline) { state, number, now in
            append(request, number, timeoutMilliseconds: deadline - now, &state)
        }
    }

    /// Returns `reply` once HELLO is in; at once if it is.
    func waitForHello(deadline: Int64) async -> Outcome {
        await suspend(deadline: deadline) { state, _, _ in
            switch state.phase {
            case .connecting: nil
            case .open, .draining:
                .reply(ResponseReader.Frame(header: FrameHeader(type: .hello), payload: ByteBuffer()))
            case .ended(let error): .unsent(error)
            }
        }
    }

    /// Registers a call, then lets `start` begin it under the lock: its result ends the call at once, nil lets it wait.
    private func suspend(
        deadline: Int64,
        _ start: (inout State, _ number: UInt32, _ now: Int64) -> Outcome?
    ) async -> Outcome {
        let number = state.withLock { $0.calls.insert(Call(deadline: deadline)) }
        guard let number else {
            let message = "\(SlotTable<Call>.maxCount) calls are pending on the connection to \(node)"
            return .failed(RPCError(.resourceExhausted, message, reason: .overloaded))
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now = Self.now
                let (outcome, mustFlush) = state.withLock { state -> (Outcome?, Bool) in
                    if let outcome = begin(number, continuation, now: now, &state, start) {
                        _ = state.calls.remove(number)
                        return (outcome, false)
                    }
                    if deadline < state.timerAt {
                        state.timerAt = deadline
                        state.isTimerDue = true
                    }
                    let mustFlush = !state.isFlushScheduled && (state.isTimerDue || state.output.readableBytes > 0)
                    if mustFlush { state.isFlushScheduled = true }
                    return (nil, mustFlush)
                }
                if let outcome { continuation.resume(returning: outcome) }
                if mustFlush { eventLoop.execute { self.flush() } }
            }
        } onCancel: {
            cancel(number)
        }
    }

    private func begin(
        _ number: UInt32,
        _ continuation: Continuation,
        now: Int64,
        _ state: inout State,
        _ start: (inout State, _ number: UInt32, _ now: Int64) -> Outcome?
    ) -> Outcome? {
        if case .ended(let error) = state.phase { return .unsent(error) }
        let isThere: Void? = state.calls.update(number) { _ in }
        guard isThere != nil else { return .failed(RPCError(.cancelled, "the call was cancelled")) }
        if now >= deadlineOf(number, &state) { return .failed(Self.timedOut(node, wasSent: false)) }
        if let outcome = start(&state, number, now) { return outcome }
        state.calls.update(number) { $0.continuation = continuation }
        return nil
    }

    private func deadlineOf(_ number: UInt32, _ state: inout State) -> Int64 {
        state.calls.update(number) { $0.deadline } ?? .min
    }

    /// Encodes the request behind those that wait to be written. Nil = done.
    private func append(
        _ request: some RequestMessage,
        _ number: UInt32,
        timeoutMilliseconds: Int64,
        _ state: inout State
    ) -> Outcome? {
        guard case .open(let maxPayloadBytes) = state.phase else {
            if case .draining(let error) = state.phase { return .unsent(error) }
            return .unsent(RPCError(.unavailable, "\(node) has not said HELLO"))
        }
        let maxEncodedBytes = request.maxEncodedBytes
        // The bound is above the exact size by less than this.
        if maxEncodedBytes > maxPayloadBytes + 1024 { return tooLarge(maxEncodedBytes, maxPayloadBytes) }
        if state.appended - state.written > UInt64(options.maxQueuedBytes) {
            let message = "\(state.appended - state.written) bytes wait to be sent to \(node)"
            return .failed(RPCError(.resourceExhausted, message, reason: .overloaded))
        }
        var payloadBytes = 0
        let frameBytes = state.output.writeWithUnsafeMutableBytes(
            minimumWritableBytes: FrameHeader.byteCount + maxEncodedBytes
        ) { bytes in
            let start = bytes.baseAddress!
            payloadBytes = request.encode(to: start + FrameHeader.byteCount)
            if payloadBytes > maxPayloadBytes { return 0 }
            FrameHeader(
                type: .request,
                code: type(of: request).method.rawValue,
                requestID: number,
                auxiliary: UInt32(clamping: timeoutMilliseconds),
                payloadLength: payloadBytes
            ).write(to: start)
            return FrameHeader.byteCount + payloadBytes
        }
        if frameBytes == 0 { return tooLarge(payloadBytes, maxPayloadBytes) }
        state.calls.update(number) { [position = state.appended] in $0.position = position }
        state.appended += UInt64(frameBytes)
        return nil
    }

    private func tooLarge(_ bytes: Int, _ limit: Int) -> Outcome {
        .failed(RPCError(.invalidArgument, "a request of \(bytes) bytes; \(node) takes at most \(limit)"))
    }

    static func timedOut(_ node: String, wasSent: Bool) -> RPCError {
        wasSent
            ? RPCError(.deadlineExceeded, "\(node) did not answer in time", reason: .indeterminate)
            : RPCError(.deadlineExceeded, "\(node) could not be reached in time")
    }
}
