import KVWire

/// A frame as a node sends it.
func frame(_ header: FrameHeader, _ payload: [UInt8]) -> [UInt8] {
    var header = header
    header.payloadLength = UInt32(payload.count)
    var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
    bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress!) }
    return bytes + payload
}

func frame(_ type: FrameType, id: UInt32 = 0, _ message: some Message) -> [UInt8] {
    frame(FrameHeader(type: type, requestID: id), message.encoded())
}

/// A GOAWAY.
func frame(_ type: FrameType, _ error: RPCError) -> [UInt8] {
    let output = OutputBuffer(capacity: 1024)
    ServerConnection.goAway(error, to: output)
    return Array(output.bytes)
}

/// The response with this error to the request with this header.
func response(_ header: FrameHeader, _ error: RPCError) -> [UInt8] {
    let output = OutputBuffer(capacity: 1024)
    ResponseWriter().error(header.requestID, error, to: output)
    return Array(output.bytes)
}
