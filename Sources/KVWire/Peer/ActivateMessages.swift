internal import CKeyValueProto
package import KVCore

/// "All that older configurations acknowledged is at the members of these: remember that they are in force."
package struct ActivateRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = ActivateResponse
    package static let method = Method.activate

    package struct Entry: Sendable, Hashable {
        package var shard: Int
        package var configuration: Configuration

        package init(shard: Int, configuration: Configuration) {
            self.shard = shard
            self.configuration = configuration
        }
    }

    package var sender: Sender
    package var entries: [Entry]

    package init(sender: Sender, entries: [Entry]) {
        self.sender = sender
        self.entries = entries
    }

    static var unpackC: UnpackFunction<Kv__ActivateRequest> { kv__activate_request__unpack }

    init(_ message: Kv__ActivateRequest) {
        sender = Sender(message.sender)
        entries = (0..<message.n_entries).map { index in
            let entry = message.entries[index]!.pointee
            return Entry(shard: Int(entry.shard), configuration: Configuration(entry.configuration))
        }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__ActivateRequest> {
        let message = builder.make(kv__activate_request__init)
        message.pointee.sender = sender.message(in: builder)
        (message.pointee.n_entries, message.pointee.entries) = builder.list(entries) { entry in
            let element = builder.make(kv__activate_request__entry__init)
            element.pointee.shard = Int32(truncatingIfNeeded: entry.shard)
            element.pointee.configuration = entry.configuration.message(in: builder)
            return element
        }
        return message
    }
}

package struct ActivateResponse: ConvertedMessage, Hashable {
    package struct Entry: Sendable, Hashable {
        package var shard: Int
        /// False: it has promised, or is active at, `highest`, or it is recovering.
        package var isRecorded: Bool
        package var incarnation: UInt64
        package var highest: Configuration

        package init(shard: Int, isRecorded: Bool, incarnation: UInt64, highest: Configuration) {
            self.shard = shard
            self.isRecorded = isRecorded
            self.incarnation = incarnation
            self.highest = highest
        }
    }

    package var sender: Sender
    package var entries: [Entry]

    package init(sender: Sender, entries: [Entry]) {
        self.sender = sender
        self.entries = entries
    }

    static var unpackC: UnpackFunction<Kv__ActivateResponse> { kv__activate_response__unpack }

    init(_ message: Kv__ActivateResponse) {
        sender = Sender(message.sender)
        entries = (0..<message.n_entries).map { index in
            let entry = message.entries[index]!.pointee
            return Entry(
                shard: Int(entry.shard),
                isRecorded: entry.recorded != 0,
                incarnation: entry.incarnation,
                highest: Configuration(entry.highest)
            )
        }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__ActivateResponse> {
        let message = builder.make(kv__activate_response__init)
        message.pointee.sender = sender.message(in: builder)
        (message.pointee.n_entries, message.pointee.entries) = builder.list(entries) { entry in
            let element = builder.make(kv__activate_response__entry__init)
            element.pointee.shard = Int32(truncatingIfNeeded: entry.shard)
            element.pointee.recorded = entry.isRecorded ? 1 : 0
            element.pointee.incarnation = entry.incarnation
            element.pointee.highest = entry.highest.message(in: builder)
            return element
        }
        return message
    }
}
