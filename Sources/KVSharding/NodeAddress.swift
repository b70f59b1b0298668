/// Where a node listens: a host name or an IP address (IPv6 without brackets), and a TCP port.
package struct NodeAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: Int

    /// Brackets around an IPv6 address are taken off: `[::1]` and `::1` are one host.
    package init(host: String, port: Int) {
        self.host =
            host.count > 2 && host.hasPrefix("[") && host.hasSuffix("]") && host.contains(":")
            ? String(host.dropFirst().dropLast()) : host
        self.port = port
    }

    /// Reads what `description` gives; an IPv6 address must stand in brackets.
    package init?(parsing text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = text[..<colon]
        guard !host.isEmpty, !host.contains(":") || (host.hasPrefix("[") && host.hasSuffix("]")) else { return nil }
        self.init(host: String(host), port: Int(port))
        if self.host.isEmpty || self.host == "[]" { return nil }
    }

    /// `host:port`, and `[host]:port` for IPv6.
    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
