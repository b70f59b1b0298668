import KVCore
import KVWire

/// What a fake node holds: of each key the record with the greatest version.
struct FakeStore {
    struct Record {
        var version: Version
        /// Nil = deleted.
        var value: [UInt8]?
        var expiresAt: UInt64
    }

    private(set) var records: [[UInt8]: Record] = [:]

    /// What a client may read at `clock`.
    func value(of key: [UInt8], clock: UInt64) -> [UInt8]? {
        guard let record = records[key], record.expiresAt == 0 || clock < record.expiresAt else { return nil }
        return record.value
    }

    mutating func put(_ key: [UInt8], _ record: Record) { records[key] = record }

    /// Answers as a server does.
    mutating func perform(_ request: AskedRequest, clock: UInt64) -> any Message {
        let present = records[request.key]
        if request.event == .get {
            let value = value(of: request.key, clock: clock)
            var answer = GetResponse(value: value ?? [], wasFound: value != nil)
            if request.withMetadata, let present {
                answer.version = present.version
                answer.expiresAt = present.expiresAt
                answer.ttlMillisecondsRemaining =
                    present.expiresAt == 0 ? 0 : Int64(max(present.expiresAt, clock) - clock)
                answer.kind = value != nil ? .live : present.value == nil ? .deleted : .expired
            }
            return answer
        }
        if let present, present.version > request.version, !request.version.isNone {
            return MutationResponse(superseded: present.version)
        }
        let expiresAt =
            request.expiresAt > 0 || request.ttlMilliseconds <= 0
            ? request.expiresAt : clock + UInt64(request.ttlMilliseconds)
        let stamped = max(Version(milliseconds: clock, writer: 1), present?.version ?? .none)
        records[request.key] = Record(
            version: request.version.isNone ? stamped : request.version,
            value: request.value,
            expiresAt: expiresAt
        )
        return MutationResponse()
    }
}
