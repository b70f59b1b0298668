import KVWire
extension Node {
    var mapEpoch: UInt64 { 0 }
    func prepare(_ request: PrepareRequest, now: UInt64) -> PrepareResponse { PrepareResponse(holdings: [], epoch: mapEpoch) }
    func offer(_ request: OfferRequest, now: UInt64) -> OfferResponse { OfferResponse(confirmed: [], epoch: mapEpoch) }
}
