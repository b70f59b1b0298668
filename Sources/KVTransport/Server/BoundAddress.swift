internal import CLinux
internal import Glibc

/// Where a server really listens.
package struct BoundAddress: Sendable, Hashable, CustomStringConvertible {
    /// A numeric address.
    package let host: String
    package let port: UInt16
    /// Only this machine reaches it.
    package let isLoopback: Bool

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The address that a socket is bound to; nil if it is bound to none.
    init?(of socket: Int32) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let failed = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
        }
        guard failed == 0 else { return nil }
        switch Int32(storage.ss_family) {
        case AF_INET:
            let address = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in.self) }
            var bytes = address.sin_addr
            self.init(
                host: Self.text(AF_INET, &bytes),
                port: UInt16(bigEndian: address.sin_port),
                isLoopback: UInt32(bigEndian: address.sin_addr.s_addr) >> 24 == 127
            )
        case AF_INET6:
            let address = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in6.self) }
            var bytes = address.sin6_addr
            let host = Self.text(AF_INET6, &bytes)
            self.init(host: host, port: UInt16(bigEndian: address.sin6_port), isLoopback: host == "::1")
        default: return nil
        }
    }

    private init(host: String, port: UInt16, isLoopback: Bool) {
        self.host = host
        self.port = port
        self.isLoopback = isLoopback
    }

    private static func text(_ family: Int32, _ address: UnsafeRawPointer) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            inet_ntop(family, address, text.baseAddress, socklen_t(text.count)).map { String(cString: $0) } ?? "?"
        }
    }
}
