internal import CLinux
internal import Glibc
internal import Synchronization

/// What other threads reach of a loop: its epoll, its alarm, and the connections that were handed to it.
final class LoopMailbox: Sendable {
    private struct Handover: @unchecked Sendable {
        let connection: Connection.Pointer
    }

    let epoll: Epoll
    let alarm: Int32
    private let handovers = Mutex<[Handover]>([])
    private let handoverCount = Atomic<Int>(0)

    /// The tokens of what is no connection: no pointer has these values.
    static let listenerToken: UInt64 = 0
    static let alarmToken: UInt64 = 1

    init() throws(ServerError) {
        epoll = try Epoll()
        alarm = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        if alarm < 0 {
            epoll.close()
            throw ServerError(.system, "eventfd: \(String(cString: strerror(errno)))")
        }
        epoll.add(alarm, events: Epoll.readable, token: Self.alarmToken)
    }

    deinit {
        close(alarm)
        epoll.close()
    }

    /// Makes the loop begin a pass now.
    func wake() {
        var one: UInt64 = 1
        _ = write(alarm, &one, MemoryLayout<UInt64>.size)
    }

    func silenceAlarm() {
        var count: UInt64 = 0
        _ = read(alarm, &count, MemoryLayout<UInt64>.size)
    }

    /// Gives a connection to this loop, which owns it from here on. It is in the list before its first event can be:
    /// a loop that takes over the list before it looks at its events knows every connection it meets.
    func handOver(_ connection: Connection.Pointer) {
        let handover = Handover(connection: connection)
        let (socket, interest) = (connection.pointee.socket, connection.pointee.interest)
        handovers.withLock { $0.append(handover) }
        handoverCount.add(1, ordering: .releasing)
        epoll.add(socket, events: interest, token: UInt64(UInt(bitPattern: connection)))
    }

    var hasHandovers: Bool { handoverCount.load(ordering: .acquiring) > 0 }

    /// Takes what was handed over since the last time.
    func takeHandovers(_ body: (Connection.Pointer) -> Void) {
        let taken = handovers.withLock { list in
            defer { list.removeAll(keepingCapacity: true) }
            return list
        }
        handoverCount.subtract(taken.count, ordering: .relaxed)
        for handover in taken { body(handover.connection) }
    }
}
