internal import CKeyValueProto

/// An operator's word that a shard shall serve with what the nodes that answer have.
package struct ProceedRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = ProceedResponse
    package static let method = Method.proceed

    package var shard: Int

    package init(shard: Int) { self.shard = shard }

    static var unpackC: UnpackFunction<Kv__ProceedRequest> { kv__proceed_request__unpack }
    init(_ message: Kv__ProceedRequest) { self.init(shard: Int(message.shard)) }
    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__ProceedRequest> {
        let message = builder.make(kv__proceed_request__init)
        message.pointee.shard = Int32(truncatingIfNeeded: shard)
        return message
    }
}

package struct ProceedResponse: ConvertedMessage, Hashable {
    /// False = the node was not waiting for anybody.
    package var proceeds: Bool

    package init(proceeds: Bool) { self.proceeds = proceeds }

    static var unpackC: UnpackFunction<Kv__ProceedResponse> { kv__proceed_response__unpack }
    init(_ message: Kv__ProceedResponse) { self.init(proceeds: message.proceeds != 0) }
    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__ProceedResponse> {
        let message = builder.make(kv__proceed_response__init)
        message.pointee.proceeds = proceeds ? 1 : 0
        return message
    }
}
