import ArgumentParser
import KVSharding

/// `HOST:PORT`; an IPv6 address stands in brackets, `[::1]:9000`. Port 0 = any free one.
struct ListenAddress: Hashable, Sendable, ExpressibleByArgument {
    let host: String
    let port: UInt16

    init?(argument: String) {
        guard let address = NodeAddress(parsing: argument) else { return nil }
        self.init(host: address.host, port: UInt16(address.port))
    }

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}
