internal import KVClient
package import KVSharding
package import KVTransport
package import KVWire

extension NodeConnections: ClusterSender {
    package func follow(_ map: ShardMap) { update(endpoints: map.endpoints) }

    package func learn(_ member: View.Member) {
        guard !member.address.isEmpty, member.port > 0 else { return }
        learn(member.node, at: NodeEndpoint(host: member.address, port: Int(member.port)))
    }
}

extension ShardMap {
    /// Where the transport finds each node.
    package var endpoints: [String: NodeEndpoint] {
        nodes.mapValues { NodeEndpoint(host: $0.host, port: $0.port) }
    }
}
