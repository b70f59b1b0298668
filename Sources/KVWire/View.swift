internal import CKeyValueProto

/// Who owns a shard, at which epoch. As a request of ExchangeView: what the sender knows.
package struct View: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = View
    package static let method = Method.exchangeView

    package struct Member: Sendable, Hashable {
        package var node: String
        package var address: String
        package var port: UInt16
        package var incarnation: UInt64

        package init(node: String, address: String, port: UInt16, incarnation: UInt64 = 0) {
            self.node = node
            self.address = address
            self.port = port
            self.incarnation = incarnation
        }
    }

    package var shard: Int
    package var epoch: UInt64
    package var members: [Member]

    package init(shard: Int, epoch: UInt64, members: [Member]) {
        self.shard = shard
        self.epoch = epoch
        self.members = members
    }

    static var unpackC: UnpackFunction<Kv__View> { kv__view__unpack }

    init(_ message: Kv__View) {
        shard = Int(message.shard)
        epoch = message.epoch
        members = (0..<message.n_members).map { Member(message.members[$0]!.pointee) }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__View> {
        let view = builder.make(kv__view__init)
        view.pointee.shard = Int32(shard)
        view.pointee.epoch = epoch
        (view.pointee.n_members, view.pointee.members) = builder.list(members) { $0.message(in: builder) }
        return view
    }
}

extension View.Member {
    init(_ message: Kv__Member) {
        self.init(
            node: String(cString: message.node),
            address: String(cString: message.address),
            port: UInt16(truncatingIfNeeded: message.port),
            incarnation: message.incarnation
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__Member> {
        let message = builder.make(kv__member__init)
        message.pointee.node = builder.text(node)
        message.pointee.address = builder.text(address)
        message.pointee.port = UInt32(port)
        message.pointee.incarnation = incarnation
        return message
    }
}
