internal import CKeyValueProto
package import KVCore

/// What a node knows of one shard, as it tells other nodes. The fields' meaning: kv.proto, message Replica.
package struct ReplicaStatus: Sendable, Hashable {
    package var shard: Int
    package var incarnation: UInt64
    package var configuration: Configuration
    package var isActive: Bool
    package var wasEverActive: Bool
    package var remembersAfter: UInt64
    package var promised: Configuration
    package var activated: [Configuration]
    package var incarnations: [String: UInt64]
    package var isRecovering: Bool
    package var hasData: Bool
    package var target: Configuration
    package var hasCopied: Bool
    package var droppedEpoch: UInt64
    package var coversRecipient: UInt64
    package var keys: UInt64
    package var bytes: UInt64
    package var beganEmptyWith: [String: UInt64]
    package var waived: Set<String>

    package init(shard: Int, incarnation: UInt64) {
        self.shard = shard
        self.incarnation = incarnation
        configuration = .none
        isActive = false
        wasEverActive = false
        remembersAfter = .max
        promised = .none
        activated = []
        incarnations = [:]
        isRecovering = false
        hasData = false
        target = .none
        hasCopied = false
        droppedEpoch = 0
        coversRecipient = 0
        keys = 0
        bytes = 0
        beganEmptyWith = [:]
        waived = []
    }

    /// It cannot have forgotten what it acknowledged or promised in `configuration`.
    package func remembers(_ configuration: Configuration) -> Bool {
        !isRecovering && (configuration.epoch > remembersAfter || wasEverActive)
    }

    init(_ message: Kv__Replica) {
        self.init(shard: Int(message.shard), incarnation: message.incarnation)
        configuration = Configuration(message.configuration)
        isActive = message.active != 0
        wasEverActive = message.ever_active != 0
        remembersAfter = message.remembers_after
        promised = Configuration(message.promised)
        activated = (0..<message.n_activated).map { Configuration(message.activated[$0]) }
        incarnations = Self.incarnations(message.n_incarnations, message.incarnations)
        isRecovering = message.recovering != 0
        hasData = message.has_data != 0
        target = Configuration(message.target)
        hasCopied = message.copied != 0
        droppedEpoch = message.dropped_epoch
        coversRecipient = message.covers_recipient
        keys = message.keys
        bytes = message.bytes
        beganEmptyWith = Self.incarnations(message.n_began_empty_with, message.began_empty_with)
        waived = Set((0..<message.n_waived).map { String(cString: message.waived[$0]!) })
    }

    private static func incarnations(
        _ count: Int,
        _ messages: UnsafeMutablePointer<UnsafeMutablePointer<Kv__Incarnation>?>?
    ) -> [String: UInt64] {
        var numbers: [String: UInt64] = [:]
        for index in 0..<count {
            guard let incarnation = messages?[index]?.pointee else { continue }
            numbers[String(cString: incarnation.node)] = incarnation.number
        }
        return numbers
    }

    private static func list(
        _ numbers: [String: UInt64],
        in builder: MessageBuilder
    ) -> (Int, UnsafeMutablePointer<UnsafeMutablePointer<Kv__Incarnation>?>?) {
        builder.list(numbers.sorted { $0.key < $1.key }) { node, number in
            let incarnation = builder.make(kv__incarnation__init)
            incarnation.pointee.node = builder.text(node)
            incarnation.pointee.number = number
            return incarnation
        }
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__Replica> {
        let message = builder.make(kv__replica__init)
        message.pointee.shard = Int32(truncatingIfNeeded: shard)
        message.pointee.incarnation = incarnation
        if configuration != .none { message.pointee.configuration = configuration.message(in: builder) }
        message.pointee.active = isActive ? 1 : 0
        message.pointee.ever_active = wasEverActive ? 1 : 0
        message.pointee.remembers_after = remembersAfter
        if promised != .none { message.pointee.promised = promised.message(in: builder) }
        (message.pointee.n_activated, message.pointee.activated) = builder.list(activated) { $0.message(in: builder) }
        (message.pointee.n_incarnations, message.pointee.incarnations) = Self.list(incarnations, in: builder)
        message.pointee.recovering = isRecovering ? 1 : 0
        message.pointee.has_data = hasData ? 1 : 0
        if target != .none { message.pointee.target = target.message(in: builder) }
        message.pointee.copied = hasCopied ? 1 : 0
        message.pointee.dropped_epoch = droppedEpoch
        message.pointee.covers_recipient = coversRecipient
        message.pointee.keys = keys
        message.pointee.bytes = bytes
        (message.pointee.n_began_empty_with, message.pointee.began_empty_with) = Self.list(beganEmptyWith, in: builder)
        (message.pointee.n_waived, message.pointee.waived) = builder.list(waived.sorted(), builder.text)
        return message
    }
}
