/// One request as it came off the wire. `payload` points into the connection's input and holds for the call.
package struct RequestFrame {
    package var method: Method
    package var requestID: UInt32
    /// How long the caller waits, in milliseconds; 0 = it did not say.
    package var timeoutMilliseconds: UInt32
    package var payload: UnsafeRawBufferPointer

    @inlinable
    package init(method: Method, requestID: UInt32, timeoutMilliseconds: UInt32, payload: UnsafeRawBufferPointer) {
        self.method = method
        self.requestID = requestID
        self.timeoutMilliseconds = timeoutMilliseconds
        self.payload = payload
    }

    @inlinable
    init(_ header: FrameHeader, payload: UnsafeRawBufferPointer) {
        self.init(
            method: Method(rawValue: header.code),
            requestID: header.requestID,
            timeoutMilliseconds: header.auxiliary,
            payload: payload
        )
    }

    /// Its caller said how long it waits, and that is no longer than this.
    package func waitsNoLonger(than patienceMilliseconds: UInt32) -> Bool {
        // Without a timeout it is 0: such a caller waits for ever.
        timeoutMilliseconds &- 1 < patienceMilliseconds
    }
}

/// The service as a connection meets it: answers batches of requests, synchronously, on the thread that read them.
/// One handler belongs to one thread.
package protocol RequestHandler: AnyObject, SendableMetatype {
    /// What is handled from now on was there at once, on whatever connection.
    func beginPass()

    /// Answers `requests` in order, each with one RESPONSE frame appended to `output`, and returns how many: at
    /// least one; fewer than all when `output` holds `outputLimit` bytes or more, or the handler's own memory is full.
    /// - Parameter now: milliseconds since 1970.
    func handle(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        outputLimit: Int,
        output: OutputBuffer
    ) -> Int

    /// Answers `requests` in order, each of which came alone on a connection of its own. `answered` is called behind each with
    /// its index, and takes its RESPONSE frame out of `output`.
    func handleEach(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        output: OutputBuffer,
        answered: (Int) -> Void
    )

    /// What a new connection is told.
    func hello(now: UInt64) -> Hello

    /// Does one short slice (well under a millisecond) of the thread's background work; returns in how many
    /// milliseconds it wants to be called again (0 = as soon as the thread has nothing else to do, or a millisecond passed).
    func maintain(now: UInt64) -> Int
}

extension RequestHandler {
    package func beginPass() {}

    package func handleEach(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        output: OutputBuffer,
        answered: (Int) -> Void
    ) {
        for index in requests.indices {
            let request = UnsafeBufferPointer(rebasing: requests[index...index])
            _ = handle(request, now: now, outputLimit: .max, output: output)
            answered(index)
        }
    }
}

/// One request to a named node, as the cluster's own parts meet the transport.
package protocol RequestSender: Sendable {
    /// Sends `request` and waits for the answer, for `timeoutMilliseconds` at the most (then: DEADLINE_EXCEEDED).
    /// Throws UNAVAILABLE when the node can't be reached, or the connection ends before the answer.
    func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32
    ) async throws(RPCError) -> Request.Response

    /// `send` without a task that waits. `completion` is called once, on any thread, perhaps before this returns.
    /// - Returns: what cancels the request; it does nothing once the request has ended.
    func start<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32,
        _ completion: @escaping @Sendable (Result<Request.Response, RPCError>) -> Void
    ) -> @Sendable () -> Void
}

extension RequestSender {
    package func start<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32,
        _ completion: @escaping @Sendable (Result<Request.Response, RPCError>) -> Void
    ) -> @Sendable () -> Void {
        startInTask(request, to: node, timeoutMilliseconds: timeoutMilliseconds, completion)
    }

    /// `start` by a task that waits all the same.
    package func startInTask<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt32,
        _ completion: @escaping @Sendable (Result<Request.Response, RPCError>) -> Void
    ) -> @Sendable () -> Void {
        let task = Task {
            do throws(RPCError) {
                completion(.success(try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds)))
            } catch { completion(.failure(error)) }
        }
        return { task.cancel() }
    }
}
