/// The refusal of a request for which a server has no time: written without looking at the request, from bytes made once.
enum Overload {
    /// Long enough for what waits to be answered.
    private static let retryAfterMilliseconds: UInt16 = 20

    private static let error = RPCError(
        .resourceExhausted,
        "the server has more requests than it can answer in time",
        reason: .overloaded,
        retryAfterMilliseconds: retryAfterMilliseconds
    )

    private static let payload: [UInt8] = {
        [UInt8](unsafeUninitializedCapacity: error.maxEncodedBytes) { bytes, count in
            count = error.encode(to: UnsafeMutableRawPointer(bytes.baseAddress!))
        }
    }()

    static func refuse(_ requestID: UInt32, to output: OutputBuffer) {
        payload.withUnsafeBytes { payload in
            let bytes = output.reserve(FrameHeader.byteCount + payload.count)
            FrameHeader(
                type: .response,
                code: error.headerCode,
                requestID: requestID,
                // As loaded as can be said.
                auxiliary: UInt32(UInt16.max) | UInt32(retryAfterMilliseconds) << 16,
                payloadLength: payload.count
            ).write(to: bytes)
            (bytes + FrameHeader.byteCount).copyMemory(from: payload.baseAddress!, byteCount: payload.count)
            output.commit(FrameHeader.byteCount + payload.count)
        }
    }
}
