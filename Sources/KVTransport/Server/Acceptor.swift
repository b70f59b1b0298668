internal import CLinux
internal import Glibc
internal import KVWire
internal import Logging
internal import Synchronization

/// Takes new connections and hands them out to the loops in turn. Owned by the first loop.
struct Acceptor {
    private let listener: Listener
    private let loops: [LoopMailbox]
    private var nextLoop = 0
    let maxConnections: Int
    /// When it accepts again, on the monotonic clock, after the system was out of files or memory; nil = it accepts.
    private(set) var resumesAt: UInt64?

    /// Before this time nothing more is logged of it.
    private var nextWarning: UInt64 = 0

    /// How many connections it takes at once, before the loop looks at those that it has.
    static let burst = 64
    private static let pauseMilliseconds: UInt64 = 200
    private static let warningMilliseconds: UInt64 = 60_000

    init(listener: Listener, loops: [LoopMailbox], maxConnections: Int) {
        self.listener = listener
        self.loops = loops
        self.maxConnections = maxConnections
    }

    func open(on epoll: Epoll) {
        epoll.add(listener.socket, events: Epoll.readable, token: LoopMailbox.listenerToken)
    }

    func close() { _ = Glibc.close(listener.socket) }

    enum Outcome {
        /// A client; its socket does not block.
        case connection(Int32)
        case nobodyWaits
        /// The system is out of files or memory.
        case exhausted(errno: Int32)
    }

    func accept() -> Outcome {
        let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        while true {
            let socket = linux_accept4(listener.socket, flags)
            if socket >= 0 { return .connection(socket) }
            switch errno {
            case EMFILE, ENFILE, ENOMEM, ENOBUFS: return .exhausted(errno: errno)
            case EAGAIN: return .nobodyWaits
            // What befell one client is no reason to keep the next one waiting.
            case ECONNABORTED, EINTR, EPROTO, ENETDOWN, ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPERM:
                continue
            default: return .exhausted(errno: errno)
            }
        }
    }

    mutating func pickLoop() -> LoopMailbox {
        defer { nextLoop = (nextLoop + 1) % loops.count }
        return loops[nextLoop]
    }

    /// Stops listening for a moment: an `accept` that fails would make the loop spin. Returns whether that is news.
    mutating func pause(at now: UInt64, on epoll: Epoll) -> Bool {
        epoll.remove(listener.socket)
        resumesAt = now + Self.pauseMilliseconds
        if now < nextWarning { return false }
        nextWarning = now + Self.warningMilliseconds
        return true
    }

    mutating func resumeIfDue(at now: UInt64, on epoll: Epoll) {
        guard let due = resumesAt, due <= now else { return }
        resumesAt = nil
        open(on: epoll)
    }
}

extension ServerLoop {
    /// Takes the connections that wait.
    mutating func accept() {
        for _ in 0..<Acceptor.burst {
            switch acceptor?.accept() {
            case nil, .nobodyWaits: return
            case .exhausted(let failure):
                if acceptor!.pause(at: clock.monotonic, on: mailbox.epoll) {
                    let reason = String(cString: strerror(failure))
                    logger.warning("no new connections are accepted for now", metadata: ["reason": "\(reason)"])
                }
                return
            case .connection(let socket):
                if gauges.connectionCount.load(ordering: .relaxed) < acceptor!.maxConnections {
                    welcome(socket)
                } else {
                    refuse(socket)
                }
            }
        }
    }

    private mutating func welcome(_ socket: Int32) {
        gauges.connectionCount.add(1, ordering: .relaxed)
        let connection = Connection.make(
            socket: socket,
            limits: configuration.limits,
            interest: Epoll.readable,
            deadline: clock.monotonic + configuration.prefaceTimeoutMilliseconds
        )
        acceptor!.pickLoop().handOver(connection)
    }

    /// Tells a client in excess why it is not served.
    private mutating func refuse(_ socket: Int32) {
        let error = RPCError(
            .resourceExhausted,
            "this server has \(acceptor!.maxConnections) connections, and takes no more",
            reason: .overloaded,
            serverTimeMilliseconds: clock.now
        )
        ServerConnection.goAway(error, to: output)
        _ = send(socket, output.base, output.count, Int32(MSG_NOSIGNAL))
        output.clear()
        // A socket closed over unread bytes is reset, and the client may never see the reason.
        shutdown(socket, Int32(SHUT_WR))
        _ = recv(socket, readBuffer.baseAddress, readBuffer.count, 0)
        Glibc.close(socket)
    }
}
