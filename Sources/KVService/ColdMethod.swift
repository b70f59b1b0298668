import KVWire

/// A method off the hot path: decodes its request, answers it, and allocates as it likes.
struct ColdMethod: Sendable {
    /// Appends one RESPONSE frame to the output, or throws the error to answer.
    typealias Answer = @Sendable (NodeHandler, RequestFrame, _ now: UInt64, OutputBuffer) throws(RPCError) -> Void

    let answer: Answer

    /// The handlers by their methods' full names. A method new in kv.proto needs a line here and nothing in the transport.
    private static let byName: [String: ColdMethod] = [
        "kv.Kv.GetShardContents": ColdMethod { (handler, frame, now, output) throws(RPCError) in
            try handler.contents(GetShardContentsRequest(decoding: frame.payload), frame.requestID, now: now, output)
        },
        "kv.Kv.GetStatus": unary { (handler, request: GetStatusRequest, now) in handler.node.status(now: now) },
        "kv.Kv.GetShardMap": unary { (handler, request: GetShardMapRequest, now) throws(RPCError) in
            try handler.node.shardMap(request)
        },
        "kv.Kv.ExchangeView": unary { (handler, request: View, now) throws(RPCError) in
            try handler.node.exchangeView(request, at: handler.moment)
        },
        "kv.Kv.Proceed": unary { (handler, request: ProceedRequest, now) in
            handler.node.proceed(request, at: handler.moment)
        },
        "kv.Peer.Exchange": unary { (handler, request: ExchangeRequest, now) in
            handler.node.exchange(request, at: handler.moment)
        },
        "kv.Peer.Activate": unary { (handler, request: ActivateRequest, now) in
            handler.node.activate(request, at: handler.moment)
        },
        "kv.Peer.Compare": unary { (handler, request: CompareRequest, now) in
            handler.node.compare(request, at: handler.moment)
        },
        "kv.Peer.GetDigests": unary { (handler, request: GetDigestsRequest, now) throws(RPCError) in
            try handler.digests(request, now: now)
        },
        "kv.Peer.GetVersions": unary { (handler, request: GetVersionsRequest, now) throws(RPCError) in
            try handler.versions(request, now: now)
        },
        "kv.Peer.GetRecords": unary { (handler, request: GetRecordsRequest, now) throws(RPCError) in
            try handler.records(request, now: now)
        },
        "kv.Peer.GetChanges": unary { (handler, request: GetChangesRequest, now) throws(RPCError) in
            try handler.changes(request, now: now)
        },
    ]

    /// The names of the methods that `NodeHandler` answers in batches.
    private static let hot: Set<String> = ["kv.Kv.Get", "kv.Kv.Set", "kv.Kv.Delete"]

    /// The handler of every method of the generated service descriptors that is not of the hot path. A method without one is
    /// our bug, found when the first handler is made.
    static func table() -> [Method: ColdMethod] {
        var table: [Method: ColdMethod] = [:]
        for (method, name) in Method.all where !hot.contains(name) {
            guard let handler = byName[name] else { preconditionFailure("no handler for \(name) of kv.proto") }
            table[method] = handler
        }
        return table
    }

    private static func unary<Request: RequestMessage>(
        _ body: @escaping @Sendable (NodeHandler, Request, _ now: UInt64) throws(RPCError) -> Request.Response
    ) -> ColdMethod {
        ColdMethod { (handler, frame, now, output) throws(RPCError) in
            let response = try body(handler, Request(decoding: frame.payload), now)
            handler.writer.response(frame.requestID, response, to: output)
        }
    }
}
