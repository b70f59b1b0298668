/// The 16 bytes before every payload, little-endian. proto/PROTOCOL.md is the contract.
///
/// ```
/// 0      4     5      6      8            12           16
/// length type  flags  code   request id   auxiliary    payload …
/// ```
/// `code` is a request's method, or a response's status (low byte) and reason (high byte).
/// `auxiliary` is a request's timeout in milliseconds (0 = none), or a response's load (low 16 bits) and
/// retry-after in milliseconds (high 16 bits).
package struct FrameHeader: Sendable, Hashable {
    package var payloadLength: UInt32
    package var type: UInt8
    package var flags: UInt8
    package var code: UInt16
    package var requestID: UInt32
    package var auxiliary: UInt32

    package static let byteCount = 16

    @inlinable
    package init(
        type: FrameType,
        flags: UInt8 = 0,
        code: UInt16 = 0,
        requestID: UInt32 = 0,
        auxiliary: UInt32 = 0,
        payloadLength: Int = 0
    ) {
        self.payloadLength = UInt32(truncatingIfNeeded: payloadLength)
        self.type = type.rawValue
        self.flags = flags
        self.code = code
        self.requestID = requestID
        self.auxiliary = auxiliary
    }

    /// Reads a header; `bytes` must hold at least `byteCount` bytes.
    @inlinable
    package init(reading bytes: UnsafeRawPointer) {
        payloadLength = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
        type = bytes.load(fromByteOffset: 4, as: UInt8.self)
        flags = bytes.load(fromByteOffset: 5, as: UInt8.self)
        code = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
        requestID = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        auxiliary = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
    }

    /// Writes `byteCount` bytes.
    @inlinable
    package func write(to bytes: UnsafeMutableRawPointer) {
        bytes.storeBytes(of: payloadLength.littleEndian, as: UInt32.self)
        bytes.storeBytes(of: type, toByteOffset: 4, as: UInt8.self)
        bytes.storeBytes(of: flags, toByteOffset: 5, as: UInt8.self)
        bytes.storeBytes(of: code.littleEndian, toByteOffset: 6, as: UInt16.self)
        bytes.storeBytes(of: requestID.littleEndian, toByteOffset: 8, as: UInt32.self)
        bytes.storeBytes(of: auxiliary.littleEndian, toByteOffset: 12, as: UInt32.self)
    }
}

/// What a frame is. Numbers that are not listed are skipped by their length.
package enum FrameType: UInt8, Sendable {
    case hello = 1
    case request = 2
    case response = 3
    case cancel = 4
    case ping = 5
    case goAway = 6
}

/// The bits of `FrameHeader.flags`. Unknown bits are ignored.
package enum FrameFlags {
    /// On a PING: this is the answer to one.
    package static let acknowledgement: UInt8 = 1
}

/// The first bytes of a client, before any frame: seven letters and the protocol version.
package enum Preface {
    package static let version: UInt8 = 1
    package static let bytes: [UInt8] = Array("ShardKV".utf8) + [version]
}
