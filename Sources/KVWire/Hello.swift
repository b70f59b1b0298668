internal import CKeyValueProto
package import KVCore

/// The first frame of a server: its clock and its limits.
package struct Hello: ConvertedMessage, Hashable {
    package var serverTimeMilliseconds: UInt64
    package var protocolVersion: UInt32
    package var limits: Limits
    package var maxPayloadBytes: Int
    package var node: String
    package var serverVersion: String
    package var mapEpoch: UInt64

    package init(
        serverTimeMilliseconds: UInt64,
        limits: Limits,
        node: String,
        serverVersion: String,
        mapEpoch: UInt64
    ) {
        self.serverTimeMilliseconds = serverTimeMilliseconds
        protocolVersion = UInt32(Preface.version)
        self.limits = limits
        maxPayloadBytes = limits.maxPayloadBytes
        self.node = node
        self.serverVersion = serverVersion
        self.mapEpoch = mapEpoch
    }

    static var unpackC: UnpackFunction<Kv__Hello> { kv__hello__unpack }

    init(_ message: Kv__Hello) {
        serverTimeMilliseconds = message.server_time_ms
        protocolVersion = message.protocol_version
        limits = Limits(maxKeyBytes: Int(message.max_key_bytes), maxValueBytes: Int(message.max_value_bytes))
        maxPayloadBytes = Int(message.max_payload_bytes)
        node = String(cString: message.node)
        serverVersion = String(cString: message.server_version)
        mapEpoch = message.map_epoch
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__Hello> {
        let message = builder.make(kv__hello__init)
        message.pointee.server_time_ms = serverTimeMilliseconds
        message.pointee.protocol_version = protocolVersion
        message.pointee.max_key_bytes = UInt32(clamping: limits.maxKeyBytes)
        message.pointee.max_value_bytes = UInt32(clamping: limits.maxValueBytes)
        message.pointee.max_payload_bytes = UInt32(clamping: maxPayloadBytes)
        message.pointee.node = builder.text(node)
        message.pointee.server_version = builder.text(serverVersion)
        message.pointee.map_epoch = mapEpoch
        return message
    }
}
