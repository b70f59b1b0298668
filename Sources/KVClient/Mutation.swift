internal import KVCore
package import KVWire

/// A Set or a Delete before it is stamped.
package protocol Mutation: Sendable {
    associatedtype Request: MutationRequest
    var key: [UInt8] { get }
    func request(stamp: VersionClock.Stamp) -> Request
}

/// A stamped one, with what changes from one attempt to the next.
package protocol MutationRequest: RequestMessage where Response == MutationResponse {
    var view: UInt64 { get set }
    /// The cluster's time when this attempt left.
    var opClockMilliseconds: UInt64 { get set }
}

extension SetRequest: MutationRequest {}
extension DeleteRequest: MutationRequest {}

package struct SetMutation: Mutation {
    package let key: [UInt8]
    package let value: [UInt8]
    /// 0 = never expires.
    package let ttlMilliseconds: Int64

    package init(key: [UInt8], value: [UInt8], ttlMilliseconds: Int64) {
        self.key = key
        self.value = value
        self.ttlMilliseconds = ttlMilliseconds
    }

    package func request(stamp: VersionClock.Stamp) -> SetRequest {
        SetRequest(
            key: key,
            value: value,
            version: stamp.version,
            expiresAt: TimeToLive.deadline(ttlMilliseconds: ttlMilliseconds, now: stamp.clockMilliseconds),
            opClockMilliseconds: stamp.clockMilliseconds
        )
    }
}

package struct DeleteMutation: Mutation {
    package let key: [UInt8]

    package init(key: [UInt8]) {
        self.key = key
    }

    package func request(stamp: VersionClock.Stamp) -> DeleteRequest {
        DeleteRequest(key: key, version: stamp.version, opClockMilliseconds: stamp.clockMilliseconds)
    }
}
