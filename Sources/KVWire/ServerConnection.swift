package import KVCore

/// The server's side of one connection, without I/O: bytes in → batch → bytes out.
///
/// A wrong preface, or a frame that only a server sends, is the peer's fault: it gets GOAWAY and the connection ends.
/// A REQUEST that is too large gets RESOURCE_EXHAUSTED. A malformed payload is the handler's to answer. Only payloads of
/// requests are looked at: those of refused requests and of all other frames are skipped as they arrive, not stored.
package struct ServerConnection: ~Copyable {
    private enum Phase {
        case preface
        case open
        /// Skipping a payload that nobody looks at.
        case skipping(bytesLeft: Int)
        case closed
    }

    package struct Progress {
        /// How many bytes of the input are done with; the caller keeps the rest and shows it again, with more.
        package var consumed: Int
        /// How many bytes the incomplete frame at the rest's start needs in all; 0 = the rest holds whole frames
        /// (`output` reached its limit first).
        package var bytesNeeded: Int
        /// Send what `output` holds, then close.
        package var closes: Bool
    }

    /// The most requests in a batch: enough to hide the memory's latency, few enough to stay in the nearest cache.
    package static let batchLimit = 32
    /// A payload longer than this is not worth skipping: the connection ends.
    private static let longestSkip = 1 << 30

    /// Requests whose callers wait no longer than this, in milliseconds, are refused as overloaded, unread; 0 = none,
    /// `UInt32.max` = all that have a timeout. Set by the owner.
    package var refusedPatience: UInt32 = 0
    private var phase = Phase.preface
    private let maxPayloadBytes: Int

    package init(limits: Limits) {
        maxPayloadBytes = limits.maxPayloadBytes
    }

    /// The preface was right and the connection is open.
    package var isEstablished: Bool {
        if case .preface = phase { false } else { true }
    }

    /// The request that `input` holds, if it holds that and nothing else.
    package func loneRequest(_ input: UnsafeRawBufferPointer) -> RequestFrame? {
        guard case .open = phase,
            case .frame(let header, let payload) = FrameParser.next(input, maxPayloadBytes: maxPayloadBytes),
            header.type == FrameType.request.rawValue,
            FrameHeader.byteCount + payload.count == input.count
        else { return nil }
        return RequestFrame(header, payload: payload)
    }

    /// Handles all frames that `input` holds whole, until `requestLimit` requests are answered, or `output` holds `outputLimit`
    /// bytes or more.
    package mutating func receive(
        _ input: UnsafeRawBufferPointer,
        handler: some RequestHandler,
        now: UInt64,
        requestLimit: Int = .max,
        outputLimit: Int,
        output: OutputBuffer
    ) -> Progress {
        var consumed = 0
        var requestsLeft = requestLimit
        func rest() -> UnsafeRawBufferPointer { input.rest(behind: consumed) }
        func progress(needed: Int = 0, closes: Bool = false) -> Progress {
            Progress(consumed: consumed, bytesNeeded: needed, closes: closes)
        }

        while true {
            switch phase {
            case .closed:
                consumed = input.count
                return progress(closes: true)
            case .skipping(let bytesLeft):
                let skipped = min(bytesLeft, input.count - consumed)
                consumed += skipped
                if skipped < bytesLeft {
                    phase = .skipping(bytesLeft: bytesLeft - skipped)
                    return progress(needed: 1)
                }
                phase = .open
            case .preface:
                let arrived = rest()
                let compared = min(arrived.count, Preface.bytes.count)
                guard arrived.prefix(compared).elementsEqual(Preface.bytes.prefix(compared)) else {
                    consumed = input.count
                    refuse("expected the ShardKV preface, version \(Preface.version)", now: now, output: output)
                    return progress(closes: true)
                }
                if compared < Preface.bytes.count { return progress(needed: Preface.bytes.count) }
                consumed += compared
                phase = .open
                Self.append(.hello, handler.hello(now: now), to: output)
            case .open:
                if output.count >= outputLimit || requestsLeft <= 0 { return progress() }
                let step = handleFrames(
                    rest(),
                    handler: handler,
                    now: now,
                    requestsLeft: &requestsLeft,
                    outputLimit: outputLimit,
                    output: output
                )
                consumed += step.consumed
                if step.closes { consumed = input.count }
                if step.closes || step.bytesNeeded > 0 {
                    return progress(needed: step.bytesNeeded, closes: step.closes)
                }
            }
        }
    }

    /// Tells the client that this server takes no more requests on this connection.
    package static func goAway(_ error: RPCError, to output: OutputBuffer) {
        let bytes = output.reserve(FrameHeader.byteCount + error.maxEncodedBytes)
        let packed = error.encode(to: bytes + FrameHeader.byteCount)
        FrameHeader(type: .goAway, code: error.headerCode, payloadLength: packed).write(to: bytes)
        output.commit(FrameHeader.byteCount + packed)
    }

    /// One batch of requests, and the frames of other types before it. Of a batch those are left out whose CANCEL follows them
    /// in the input before a frame of another type. `bytesNeeded` 0 = call again.
    private mutating func handleFrames(
        _ input: UnsafeRawBufferPointer,
        handler: some RequestHandler,
        now: UInt64,
        requestsLeft: inout Int,
        outputLimit: Int,
        output: OutputBuffer
    ) -> Progress {
        withUnsafeTemporaryAllocation(of: RequestFrame.self, capacity: Self.batchLimit) { requests in
            var count = 0
            var parsed = 0
            var progress = Progress(consumed: 0, bytesNeeded: 0, closes: false)
            scan: while count < Self.batchLimit {
                let rest = input.rest(behind: parsed)
                let other: FrameHeader
                switch FrameParser.next(rest, maxPayloadBytes: maxPayloadBytes) {
                case .frame(let header, let payload) where header.type == FrameType.request.rawValue:
                    let request = RequestFrame(header, payload: payload)
                    if request.waitsNoLonger(than: refusedPatience) {
                        if count > 0 { break scan }
                        Overload.refuse(header.requestID, to: output)
                        parsed += FrameHeader.byteCount + payload.count
                        continue scan
                    }
                    (requests.baseAddress! + count).initialize(to: request)
                    count += 1
                    parsed += FrameHeader.byteCount + payload.count
                    continue scan
                case .frame(let header, let payload) where header.type == FrameType.cancel.rawValue && count > 0:
                    count = Self.leaveOut(header.requestID, of: requests, count: count)
                    parsed += FrameHeader.byteCount + payload.count
                    continue scan
                case .incomplete(let bytesNeeded):
                    guard rest.count >= FrameHeader.byteCount else {
                        progress.bytesNeeded = bytesNeeded
                        break scan
                    }
                    other = FrameHeader(reading: rest.baseAddress!)
                    if other.type == FrameType.request.rawValue {
                        progress.bytesNeeded = bytesNeeded
                        break scan
                    }
                case .frame(let header, _), .tooLarge(let header): other = header
                }
                // Whatever is no request is answered after the requests before it.
                if count > 0 { break scan }
                progress.consumed = parsed + FrameHeader.byteCount
                progress.closes = !handleHeader(other, now: now, output: output)
                return progress
            }
            progress.consumed = parsed
            guard count > 0 else { return progress }
            let answered = handler.handle(
                UnsafeBufferPointer(start: requests.baseAddress, count: count),
                now: now,
                outputLimit: outputLimit,
                output: output
            )
            precondition(answered > 0 && answered <= count, "a handler answers at least one request of a batch")
            requestsLeft -= answered
            if answered < count {
                let last = requests[answered - 1].payload
                progress.bytesNeeded = 0
                progress.consumed = last.baseAddress! + last.count - input.baseAddress!
            }
            return progress
        }
    }

    /// Takes a request out of a batch, if it is there.
    /// - Returns: how many are left.
    private static func leaveOut(
        _ requestID: UInt32,
        of requests: UnsafeMutableBufferPointer<RequestFrame>,
        count: Int
    ) -> Int {
        guard let index = requests[..<count].firstIndex(where: { $0.requestID == requestID }) else { return count }
        for later in index + 1..<count { requests[later - 1] = requests[later] }
        return count - 1
    }

    /// A frame that is no request, or too large a one: its header decides. Returns false when it ends the connection.
    private mutating func handleHeader(_ header: FrameHeader, now: UInt64, output: OutputBuffer) -> Bool {
        if header.payloadLength > Self.longestSkip {
            refuse("a frame of \(header.payloadLength) bytes", now: now, output: output)
            return false
        }
        phase = .skipping(bytesLeft: Int(header.payloadLength))
        switch FrameType(rawValue: header.type) {
        case .request:
            let error = RPCError(
                .resourceExhausted,
                "a payload of \(header.payloadLength) bytes; this server takes \(maxPayloadBytes)",
                reason: .tooLarge,
                serverTimeMilliseconds: now
            )
            ResponseWriter().error(header.requestID, error, to: output)
        case .ping where header.flags & FrameFlags.acknowledgement == 0:
            let bytes = output.reserve(FrameHeader.byteCount)
            FrameHeader(type: .ping, flags: FrameFlags.acknowledgement, requestID: header.requestID).write(to: bytes)
            output.commit(FrameHeader.byteCount)
        case .hello, .response:
            refuse("frame type \(header.type) is only sent by servers", now: now, output: output)
            return false
        // Every request before a CANCEL has been answered, or left out; the rest are notices, or of a later version.
        case .cancel, .ping, .goAway, nil: break
        }
        return true
    }

    private mutating func refuse(_ message: String, now: UInt64, output: OutputBuffer) {
        phase = .closed
        Self.goAway(RPCError(.invalidArgument, message, serverTimeMilliseconds: now), to: output)
    }

    private static func append(_ type: FrameType, _ message: some Message, to output: OutputBuffer) {
        let bytes = output.reserve(FrameHeader.byteCount + message.maxEncodedBytes)
        let packed = message.encode(to: bytes + FrameHeader.byteCount)
        FrameHeader(type: type, payloadLength: packed).write(to: bytes)
        output.commit(FrameHeader.byteCount + packed)
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes from `offset` on, which is not behind the end.
    @inline(__always)
    fileprivate func rest(behind offset: Int) -> UnsafeRawBufferPointer {
        assert(offset <= count)
        return UnsafeRawBufferPointer(start: baseAddress.map { $0 + offset }, count: count - offset)
    }
}
