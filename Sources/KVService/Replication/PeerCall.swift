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
    case changes(GetChangesRequest)
    case contents(GetShardContentsRequest)
}

package enum PeerResponse: Sendable {
    case exchange(ExchangeResponse)
    case activate(ActivateResponse)
    case compare(CompareResponse)
    case digests(GetDigestsResponse)
    case contents(GetShardContentsResponse)
    case changes(GetChangesResponse)

    /// The records that it brings.
    var records: [ShardValue] {
        switch self {
        case .contents(let page): page.values
        case .changes(let page): page.values
        case .exchange, .activate, .compare, .digests: []
        }
    }
}

extension RequestSender {
    /// Sends whatever it is; `completion` is called once, on any thread, perhaps before this returns.
    func start(
        _ request: PeerRequest,
        to node: String,
        timeoutMilliseconds: UInt32,
        _ completion: @escaping @Sendable (Result<PeerResponse, RPCError>) -> Void
    ) {
        func start<Request: RequestMessage>(
            _ request: Request,
            _ wrap: @escaping @Sendable (Request.Response) -> PeerResponse
        ) {
            _ = self.start(request, to: node, timeoutMilliseconds: timeoutMilliseconds) { completion($0.map(wrap)) }
        }
        switch request {
        case .exchange(let request): start(request, PeerResponse.exchange)
        case .activate(let request): start(request, PeerResponse.activate)
        case .compare(let request): start(request, PeerResponse.compare)
        case .digests(let request): start(request, PeerResponse.digests)
        case .versions(let request): start(request, PeerResponse.contents)
        case .records(let request): start(request, PeerResponse.contents)
        case .contents(let request): start(request, PeerResponse.contents)
        case .changes(let request): start(request, PeerResponse.changes)
        }
    }
}
