import ArgumentParser

/// `HOST:PORT`; an IPv6 address stands in brackets, `[::1]:9000`. Port 0 = any free one.
struct ListenAddress: Hashable, Sendable, ExpressibleByArgument {
    let host: String
    let port: UInt16

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[argument.index(after: colon)...])
        else { return nil }
        var host = argument[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        if host.isEmpty { return nil }
        self.init(host: String(host), port: port)
    }

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}
