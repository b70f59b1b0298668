internal import KVSharding
internal import NIOCore

/// A link from every process to every node.
struct Links: Sendable {
    private let links: [LinkName: Link]

    init(sources: [String], nodes: [String], on group: any EventLoopGroup) async throws {
        var links: [LinkName: Link] = [:]
        for source in sources {
            for node in nodes {
                let name = LinkName(source, node)
                links[name] = try await Link(name, on: group)
            }
        }
        self.links = links
    }

    subscript(name: LinkName) -> Link { links[name]! }

    /// Where a process finds the nodes.
    func addresses(of source: String) -> [String: NodeAddress] {
        var addresses: [String: NodeAddress] = [:]
        for link in links.values where link.name.source == source {
            addresses[link.name.destination] = NodeAddress(host: "127.0.0.1", port: link.port)
        }
        return addresses
    }

    /// A node listens at another port.
    func lead(to node: String, port: Int) {
        for link in links.values where link.name.destination == node { link.lead(to: port) }
    }

    func mendAll() {
        for link in links.values { link.mend(resets: false) }
    }

    func close() async {
        for link in links.values { await link.close() }
    }
}
