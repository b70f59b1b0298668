internal import CKeyValueProto

package struct GetShardMapRequest: RequestMessage, ConvertedMessage {
    package typealias Response = GetShardMapResponse
    package static let method = Method.getShardMap

    package init() {}

    static var unpackC: UnpackFunction<Kv__GetShardMapRequest> { kv__get_shard_map_request__unpack }
    init(_ message: Kv__GetShardMapRequest) {}
    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetShardMapRequest> {
        builder.make(kv__get_shard_map_request__init)
    }
}

/// The shard map that a server follows.
package struct GetShardMapResponse: ConvertedMessage, Hashable {
    /// As in a shard map's file.
    package var json: [UInt8]
    /// The map's number, whether or not its JSON names one.
    package var epoch: UInt64

    package init(json: [UInt8], epoch: UInt64) {
        self.json = json
        self.epoch = epoch
    }

    static var unpackC: UnpackFunction<Kv__GetShardMapResponse> { kv__get_shard_map_response__unpack }

    init(_ message: Kv__GetShardMapResponse) {
        self.init(json: Array(message.json.view), epoch: message.epoch)
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__GetShardMapResponse> {
        let message = builder.make(kv__get_shard_map_response__init)
        message.pointee.json = builder.bytes(json)
        message.pointee.epoch = epoch
        return message
    }
}
