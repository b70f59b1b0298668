internal import CKeyValueProto

/// "This is what I hold of shards that we both serve: do you hold the same?"
package struct CompareRequest: RequestMessage, ConvertedMessage, Hashable {
    package typealias Response = CompareResponse
    package static let method = Method.compare

    package struct Entry: Sendable, Hashable {
        package var shard: Int
        package var epoch: UInt64
        /// Of the live records, but for those that expire near the sender's clock.
        package var digest: UInt64
        /// All that the recipient held at this moment of its clock is at the sender too; 0 = not known yet.
        package var syncedAt: UInt64

        package init(shard: Int, epoch: UInt64, digest: UInt64, syncedAt: UInt64) {
            self.shard = shard
            self.epoch = epoch
            self.digest = digest
            self.syncedAt = syncedAt
        }
    }

    package var sender: Sender
    package var entries: [Entry]

    package init(sender: Sender, entries: [Entry]) {
        self.sender = sender
        self.entries = entries
    }

    static var unpackC: UnpackFunction<Kv__CompareRequest> { kv__compare_request__unpack }

    init(_ message: Kv__CompareRequest) {
        sender = Sender(message.sender)
        entries = (0..<message.n_entries).map { index in
            let entry = message.entries[index]!.pointee
            return Entry(
                shard: Int(entry.shard),
                epoch: entry.epoch,
                digest: entry.digest,
                syncedAt: entry.synced_ms
            )
        }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__CompareRequest> {
        let message = builder.make(kv__compare_request__init)
        message.pointee.sender = sender.message(in: builder)
        (message.pointee.n_entries, message.pointee.entries) = builder.list(entries) { entry in
            let element = builder.make(kv__compare_request__entry__init)
            element.pointee.shard = Int32(truncatingIfNeeded: entry.shard)
            element.pointee.epoch = entry.epoch
            element.pointee.digest = entry.digest
            element.pointee.synced_ms = entry.syncedAt
            return element
        }
        return message
    }
}

package struct CompareResponse: ConvertedMessage, Hashable {
    package struct Entry: Sendable, Hashable {
        package var shard: Int
        /// 0 = the answering node does not serve the shard.
        package var epoch: UInt64
        package var isEqual: Bool

        package init(shard: Int, epoch: UInt64, isEqual: Bool) {
            self.shard = shard
            self.epoch = epoch
            self.isEqual = isEqual
        }
    }

    /// Its clock is that of the comparison's beginning.
    package var sender: Sender
    package var entries: [Entry]

    package init(sender: Sender, entries: [Entry]) {
        self.sender = sender
        self.entries = entries
    }

    static var unpackC: UnpackFunction<Kv__CompareResponse> { kv__compare_response__unpack }

    init(_ message: Kv__CompareResponse) {
        sender = Sender(message.sender)
        entries = (0..<message.n_entries).map { index in
            let entry = message.entries[index]!.pointee
            return Entry(shard: Int(entry.shard), epoch: entry.epoch, isEqual: entry.equal != 0)
        }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__CompareResponse> {
        let message = builder.make(kv__compare_response__init)
        message.pointee.sender = sender.message(in: builder)
        (message.pointee.n_entries, message.pointee.entries) = builder.list(entries) { entry in
            let element = builder.make(kv__compare_response__entry__init)
            element.pointee.shard = Int32(truncatingIfNeeded: entry.shard)
            element.pointee.epoch = entry.epoch
            element.pointee.equal = entry.isEqual ? 1 : 0
            return element
        }
        return message
    }
}
