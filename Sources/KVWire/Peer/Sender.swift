internal import CKeyValueProto
internal import KVCore

/// Which map a node follows: its epoch, and a hash of all else in it (0 = unknown).
package struct MapMark: Sendable, Hashable {
    package var epoch: UInt64
    package var fingerprint: UInt64

    package init(epoch: UInt64, fingerprint: UInt64 = 0) {
        self.epoch = epoch
        self.fingerprint = fingerprint
    }
}

/// What every message between servers says of its sender.
package struct Sender: Sendable, Hashable {
    package var node: String
    /// What deadlines are judged by: the greatest of the node's own clock and its peers', milliseconds since 1970.
    package var clock: UInt64
    /// The node's own clock.
    package var wallClock: UInt64
    package var map: MapMark

    package init(node: String, clock: UInt64, wallClock: UInt64, map: MapMark) {
        self.node = node
        self.clock = clock
        self.wallClock = wallClock
        self.map = map
    }

    init(_ message: UnsafePointer<Kv__Sender>?) {
        guard let message = message?.pointee else {
            self.init(node: "", clock: 0, wallClock: 0, map: MapMark(epoch: 0))
            return
        }
        self.init(
            node: String(cString: message.node),
            clock: message.clock_ms,
            wallClock: message.wall_ms,
            map: MapMark(epoch: message.map_epoch, fingerprint: message.map_fingerprint)
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__Sender> {
        let message = builder.make(kv__sender__init)
        message.pointee.node = builder.text(node)
        message.pointee.clock_ms = clock
        message.pointee.wall_ms = wallClock
        message.pointee.map_epoch = map.epoch
        message.pointee.map_fingerprint = map.fingerprint
        return message
    }
}

extension Configuration {
    init(_ message: UnsafePointer<Kv__Configuration>?) {
        guard let message = message?.pointee else {
            self = .none
            return
        }
        self.init(
            epoch: message.epoch,
            members: (0..<message.n_members).map { String(cString: message.members[$0]!) }
        )
    }

    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<Kv__Configuration> {
        let message = builder.make(kv__configuration__init)
        message.pointee.epoch = epoch
        (message.pointee.n_members, message.pointee.members) = builder.list(members, builder.text)
        return message
    }
}
