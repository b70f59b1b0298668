package import KVWire

/// Calls to one node, whatever the shard map says: no routing, no failover, no retry but of a stamp.
extension ClusterClient {
    package func send<Request: RequestMessage>(
        _ request: Request,
        to node: String,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) -> Request.Response {
        let (state, sent) = (nodes.state(of: node), time.monotonicMicroseconds)
        begin(state, Request.method)
        do throws(RPCError) {
            let timeout = UInt32(clamping: max(1, timeoutMilliseconds))
            let response = try await sender.send(request, to: node, timeoutMilliseconds: timeout)
            answered(state, Request.method, sent: sent)
            return response
        } catch {
            ended(state, error, sent: sent, now: time.monotonicMicroseconds)
            report(error, of: node)
            throw CallFailure.read([CallFailure.Replica(node: node, error: error)])
        }
    }

    package func get(
        _ request: GetRequest,
        from node: String,
        timeoutMilliseconds: UInt64
    ) async throws(CallFailure) -> GetResponse {
        try Self.check(key: request.key)
        return try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds)
    }
}
