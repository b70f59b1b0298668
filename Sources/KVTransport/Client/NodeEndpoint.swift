/// Where a node listens.
package struct NodeEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an IP address, IPv6 without brackets.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
