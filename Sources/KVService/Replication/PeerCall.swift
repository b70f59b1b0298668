package import KVWire

/// A request to another node, with the token that names it when its outcome is reported.
package struct PeerCall: Sendable {
    package var token: UInt64
    package var node: String
    package var request: PeerRequest
    /// How long to wait before it is sent.
    package var delayMilliseconds: UInt64
    package var timeoutMilliseconds: UInt32
}

package enum PeerRequest: Sendable {
    case exchange(ExchangeRequest)
    case activate(ActivateRequest)
    case compare(CompareRequest)
    case digests(GetDigestsRequest)
    case versions(GetVersionsRequest)
    case records(GetRecordsRequest)
    case contents(GetShardContentsRequest)
}

package enum PeerResponse: Sendable {
    case exchange(ExchangeResponse)
    case activate(ActivateResponse)
    case compare(CompareResponse)
    case digests(GetDigestsResponse)
    case contents(GetShardContentsResponse)
}

extension RequestSender {
    /// Sends whatever it is.
    package func send(
        _ request: PeerRequest,
        to node: String,
        timeoutMilliseconds: UInt32
    ) async throws(RPCError) -> PeerResponse {
        switch request {
        case .exchange(let request):
            .exchange(try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds))
        case .activate(let request):
            .activate(try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds))
        case .compare(let request):
            .compare(try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds))
        case .digests(let request):
            .digests(try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds))
        case .versions(let request):
            .contents(try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds))
        case .records(let request):
            .contents(try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds))
        case .contents(let request):
            .contents(try await send(request, to: node, timeoutMilliseconds: timeoutMilliseconds))
        }
    }
}
