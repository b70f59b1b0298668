internal import CLinux
internal import Glibc

/// A set of sockets that is waited for. The token of a registration comes back with its events.
struct Epoll: Sendable {
    let descriptor: Int32

    static let readable = EPOLLIN.rawValue
    static let writable = EPOLLOUT.rawValue
    /// The peer is gone in both directions; reported whether asked for or not.
    static let broken = EPOLLERR.rawValue | EPOLLHUP.rawValue

    init() throws(ServerError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        if descriptor < 0 { throw ServerError(.system, "epoll: \(String(cString: strerror(errno)))") }
    }

    func close() { _ = Glibc.close(descriptor) }

    @discardableResult
    func add(_ socket: Int32, events: UInt32, token: UInt64) -> Bool {
        control(EPOLL_CTL_ADD, socket, events, token)
    }

    @discardableResult
    func modify(_ socket: Int32, events: UInt32, token: UInt64) -> Bool {
        control(EPOLL_CTL_MOD, socket, events, token)
    }

    func remove(_ socket: Int32) { _ = control(EPOLL_CTL_DEL, socket, 0, 0) }

    /// Waits for events, and returns how many there are; 0 also when a signal came in between.
    func wait(_ events: UnsafeMutableBufferPointer<epoll_event>, timeoutMilliseconds: Int) -> Int {
        max(
            0,
            Int(
                linux_epoll_wait(
                    descriptor,
                    events.baseAddress,
                    Int32(events.count),
                    Int32(clamping: timeoutMilliseconds)
                )
            )
        )
    }

    private func control(_ operation: Int32, _ socket: Int32, _ events: UInt32, _ token: UInt64) -> Bool {
        var event = epoll_event()
        event.events = events
        event.data.u64 = token
        return epoll_ctl(descriptor, operation, socket, &event) == 0
    }
}
