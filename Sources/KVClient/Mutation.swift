package import KVCore
package import KVWire

/// A Set or a Delete before it is stamped.
package protocol Mutation: Sendable {
    associatedtype Request: RequestMessage where Request.Response == MutationResponse
    var key: [UInt8] { get }
    func request(stamp: VersionClock.Stamp) -> Request
}

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
