internal import CKeyValueProto

extension RPCError {
    /// `FrameHeader.code` of a response with this status.
    package var headerCode: UInt16 { UInt16(code.rawValue) | UInt16(reason.rawValue) << 8 }

    /// The error of a RESPONSE or GOAWAY; a status of another protocol version is UNKNOWN, a reason of one is none.
    package init(header: FrameHeader, payload: UnsafeRawBufferPointer) {
        let details = try? ErrorDetails(decoding: payload)
        self.init(
            StatusCode(rawValue: UInt8(truncatingIfNeeded: header.code)) ?? .unknown,
            details?.message ?? "",
            reason: Reason(rawValue: UInt8(header.code >> 8)) ?? .none,
            retryAfterMilliseconds: UInt16(header.auxiliary >> 16),
            serverTimeMilliseconds: details?.serverTimeMilliseconds ?? 0,
            view: details?.view
        )
    }

    var maxEncodedBytes: Int { details.maxEncodedBytes }
    func encode(to bytes: UnsafeMutableRawPointer) -> Int { details.encode(to: bytes) }

    private var details: ErrorDetails {
        ErrorDetails(message: message, serverTimeMilliseconds: serverTimeMilliseconds, view: view)
    }
}

/// The payload that goes with a status.
private struct ErrorDetails: ConvertedMessage {
    var message: String
    var serverTimeMilliseconds: UInt64
    var view: View?

    static var unpackC: UnpackFunction<Kv__Error> { kv__error__unpack }

    init(message: String, serverTimeMilliseconds: UInt64, view: View?) {
        self.message = message
        self.serverTimeMilliseconds = serverTimeMilliseconds
        self.view = view
    }

    init(_ message: Kv__Error) {
        self.message = String(cString: message.message)
        serverTimeMilliseconds = message.server_time_ms
        view = message.view.map { View($0.pointee) }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__Error> {
        let error = builder.make(kv__error__init)
        error.pointee.message = builder.text(message)
        error.pointee.server_time_ms = serverTimeMilliseconds
        if let view { error.pointee.view = view.message(in: builder) }
        return error
    }
}
