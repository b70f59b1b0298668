internal import CLinux
internal import Glibc

/// The socket that takes new connections. Not blocking.
struct Listener: Sendable {
    let socket: Int32
    let address: BoundAddress

    /// Resolves `host`, binds exactly that address and listens. Where a name has several addresses, an IPv4 one comes
    /// first: every client reaches it.
    init(host: String, port: UInt16) throws(ServerError) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, String(port), &hints, &found)
        guard failure == 0, let found else {
            throw ServerError(
                .addressNotAvailable,
                "\(host) does not resolve: \(String(cString: gai_strerror(failure)))"
            )
        }
        defer { freeaddrinfo(found) }
        let candidates = sequence(first: found, next: { $0.pointee.ai_next }).map(\.pointee)
        let sorted = candidates.filter { $0.ai_family == AF_INET } + candidates.filter { $0.ai_family == AF_INET6 }

        var refusal = ServerError(.addressNotAvailable, "\(host) has no IP address")
        for candidate in sorted {
            do throws(ServerError) {
                self = try Self(on: candidate, named: "\(host):\(port)")
                return
            } catch {
                refusal = error
                // The next address of the name is only tried if this machine has not got this one.
                if error.cause != .addressNotAvailable { break }
            }
        }
        throw refusal
    }

    private init(on candidate: addrinfo, named name: String) throws(ServerError) {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(candidate.ai_family, type, 0)
        guard socket >= 0 else { throw Self.error(errno, name) }
        Self.set(socket, SOL_SOCKET, SO_REUSEADDR, 1)
        if candidate.ai_family == AF_INET6 { Self.set(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        // Accepted sockets inherit what follows. A peer that vanished is noticed after two minutes.
        Self.set(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        Self.set(socket, SOL_SOCKET, SO_KEEPALIVE, 1)
        Self.set(socket, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
        Self.set(socket, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 15)
        Self.set(socket, Int32(IPPROTO_TCP), TCP_KEEPCNT, 4)
        guard
            bind(socket, candidate.ai_addr, candidate.ai_addrlen) == 0,
            listen(socket, 1024) == 0,
            let address = BoundAddress(of: socket)
        else {
            let failure = errno
            close(socket)
            throw Self.error(failure, name)
        }
        self.socket = socket
        self.address = address
    }

    private static func set(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func error(_ failure: Int32, _ name: String) -> ServerError {
        switch failure {
        case EADDRINUSE: ServerError(.addressInUse, "\(name) is in use: another process listens there")
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            ServerError(.addressNotAvailable, "\(name) is not an address of this machine")
        case EACCES, EPERM: ServerError(.permissionDenied, "no permission to listen on \(name)")
        default: ServerError(.system, "cannot listen on \(name): \(String(cString: strerror(failure)))")
        }
    }
}
