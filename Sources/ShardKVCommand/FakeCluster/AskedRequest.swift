import KVCore
import KVSharding
import KVWire

/// A request that a fake node understands.
struct AskedRequest {
    let event: NodeEvent
    let key: [UInt8]
    let view: UInt64
    /// Of a write.
    var version = Version.none
    var value: [UInt8]?
    /// 0 = never.
    var expiresAt: UInt64 = 0
    var ttlMilliseconds: Int64 = 0
    var withMetadata = false
    /// What the client knows, if it tells it.
    var toldView: View?

    /// Nil = another method, or bytes that are no such request.
    init?(_ header: FrameHeader, _ payload: [UInt8]) {
        guard let event = NodeEvent(method: header.code) else { return nil }
        self.event = event
        switch event {
        case .connect: return nil
        case .get:
            guard let request = try? GetRequest(decoding: payload) else { return nil }
            (key, view, withMetadata) = (request.key, request.view, request.withMetadata)
        case .set:
            guard let request = try? SetRequest(decoding: payload) else { return nil }
            (key, view, version, value) = (request.key, request.view, request.version, request.value)
            (expiresAt, ttlMilliseconds) = (request.expiresAt, request.ttlMilliseconds)
        case .delete:
            guard let request = try? DeleteRequest(decoding: payload) else { return nil }
            (key, view, version) = (request.key, request.view, request.version)
        case .exchange:
            guard let told = try? View(decoding: payload) else { return nil }
            (key, view, toldView) = ([], ViewIdentifier.none, told)
            return
        }
        if key.isEmpty { return nil }
    }
}

extension NodeEvent {
    init?(method: UInt16) {
        switch Method(rawValue: method) {
        case .get: self = .get
        case .set: self = .set
        case .delete: self = .delete
        case .exchangeView: self = .exchange
        default: return nil
        }
    }
}
