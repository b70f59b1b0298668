/// numbers.json.
package struct NumberVectors: Decodable, Sendable {
    package struct Reason: Decodable, Sendable {
        package let number: UInt8
        package let status: String?
    }

    package struct Method: Decodable, Sendable {
        package let number: UInt16
        package let request: String
        package let response: String
    }

    package struct Limits: Decodable, Sendable {
        package let maxKeyBytes: Int
        package let maxValueBytes: Int
        package let maxPayloadBytes: Int
    }

    package let protocolVersion: UInt8
    package let headerBytes: Int
    package let frameTypes: [String: UInt8]
    package let statuses: [String: UInt8]
    package let reasons: [String: Reason]
    package let methods: [String: Method]
    package let defaultLimits: Limits
}

/// frames.json.
package struct FrameVectors: Decodable, Sendable {
    package struct Header: Decodable, Sendable {
        package let length: UInt32
        package let type: UInt8
        package let flags: UInt8
        package let code: UInt16
        package let requestId: UInt32
        package let auxiliary: UInt32
    }

    package struct Frame: Decodable, Sendable {
        package let name: String
        package let bytes: HexBytes
        package let header: Header?
        package let frame: String?
        package let message: String?
        package let fields: MessageFields?
        package let method: String?
        package let status: String?
        package let reason: String?
        package let timeoutMs: UInt32?
        package let load: UInt16?
        package let retryAfterMs: UInt16?
    }

    package struct Malformed: Decodable, Sendable {
        package let name: String
        package let payload: HexBytes
    }

    package struct Limits: Decodable, Sendable {
        package struct Case: Decodable, Sendable {
            package let length: UInt32
            package let header: HexBytes
            package let outcome: String
        }

        package let maxKeyBytes: Int
        package let maxValueBytes: Int
        package let maxPayloadBytes: Int
        package let headers: [Case]
    }

    package let preface: HexBytes
    package let frames: [Frame]
    package let tolerated: [Frame]
    package let malformed: [Malformed]
    package let limits: Limits
}
