internal import CKeyValueProto
internal import KVCore

/// What a node knows of some shards, told to another that answers with the same; and the wish that it seals them.
package struct ExchangeRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = ExchangeResponse
    package static let method = Method.exchange

    package struct Entry: Sendable, Hashable {
        package var replica: ReplicaStatus
        /// The recipient is to acknowledge nothing below `replica.target` from now on.
        package var seals: Bool

        package init(replica: ReplicaStatus, seals: Bool) {
            self.replica = replica
            self.seals = seals
        }
    }

    package var sender: Sender
    package var entries: [Entry]

    package init(sender: Sender, entries: [Entry]) {
        self.sender = sender
        self.entries = entries
    }

    static var unpackC: UnpackFunction<Kv__ExchangeRequest> { kv__exchange_request__unpack }

    init(_ message: Kv__ExchangeRequest) {
        sender = Sender(message.sender)
        entries = (0..<message.n_entries).compactMap { index in
            let entry = message.entries[index]!.pointee
            return entry.replica.map { Entry(replica: ReplicaStatus($0.pointee), seals: entry.seal != 0) }
        }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__ExchangeRequest> {
        let message = builder.make(kv__exchange_request__init)
        message.pointee.sender = sender.message(in: builder)
        (message.pointee.n_entries, message.pointee.entries) = builder.list(entries) { entry in
            let element = builder.make(kv__exchange_request__entry__init)
            element.pointee.replica = entry.replica.message(in: builder)
            element.pointee.seal = entry.seals ? 1 : 0
            return element
        }
        return message
    }
}

package struct ExchangeResponse: ConvertedMessage, Hashable {
    package var sender: Sender
    /// One for each entry of the request.
    package var replicas: [ReplicaStatus]

    package init(sender: Sender, replicas: [ReplicaStatus]) {
        self.sender = sender
        self.replicas = replicas
    }

    static var unpackC: UnpackFunction<Kv__ExchangeResponse> { kv__exchange_response__unpack }

    init(_ message: Kv__ExchangeResponse) {
        sender = Sender(message.sender)
        replicas = (0..<message.n_replicas).map { ReplicaStatus(message.replicas[$0]!.pointee) }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__ExchangeResponse> {
        let message = builder.make(kv__exchange_response__init)
        message.pointee.sender = sender.message(in: builder)
        (message.pointee.n_replicas, message.pointee.replicas) = builder.list(replicas) { $0.message(in: builder) }
        return message
    }
}
