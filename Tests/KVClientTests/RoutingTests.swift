import KVClient
import KVCore
import KVSharding
import KVWire
import Testing

/// Whom the client takes for a shard's owners when a server's word differs from its map.
@Suite struct RoutingTests {
    private func error(
        _ reason: Reason,
        epoch: UInt64,
        _ nodes: String...,
        shard: Int = 1
    ) -> RPCError {
        let members = nodes.map { View.Member(node: $0, address: "127.0.0.1", port: 9) }
        return RPCError(
            .unavailable,
            "elsewhere",
            reason: reason,
            retryAfterMilliseconds: 20,
            view: View(shard: shard, epoch: epoch, members: members)
        )
    }

    private func members(_ client: TestClient) throws -> [String] {
        try client.route(of: Array("k".utf8)).members
    }

    /// The client's file is late: the write follows the old owner's word within one call, and so do the next ones at once.
    @Test(arguments: [Reason.moving, .notHosted, .wrongView])
    func aWriteFollowsTheOwnersThatAServerNames(reason: Reason) async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.network.script("n1", .fail(error(reason, epoch: 7, "n3", "n4")))
        cluster.network.script("n2", .fail(error(reason, epoch: 7, "n3", "n4")))
        try await cluster.set("v")
        #expect(cluster.network.record("k", at: "n3") != nil)
        #expect(cluster.network.record("k", at: "n4") != nil)
        let before = cluster.network.arrivals.count
        try await cluster.set("w")
        #expect(cluster.network.arrivals.dropFirst(before).map(\.node).sorted() == ["n3", "n4"])
    }

    @Test func olderNewsIsIgnored() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        let client = cluster.client
        client.follow(try TestCluster.map(["n1", "n2"]), epoch: 10)
        client.report(error(.notHosted, epoch: 0, "n3"), of: "n1")
        #expect(try members(client) == ["n1", "n2"], "only what a map wants")
        client.report(error(.moving, epoch: 12, "n3"), of: "n1")
        #expect(try members(client) == ["n3"])
        client.report(error(.moving, epoch: 11, "n4"), of: "n1")
        #expect(try members(client) == ["n3"])
        client.report(error(.moving, epoch: 13, "n2", "n1"), of: "n3")
        #expect(try members(client) == ["n2", "n1"], "the map is right after all")
    }

    /// A node that is still copying names the owners of before, which go on serving.
    @Test func whateverErrorTellsAViewTeaches() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.client.report(error(.notReady, epoch: 3, "n3"), of: "n1")
        #expect(try members(cluster.client) == ["n3"])
    }

    @Test func aViewMustBeOfAShardThatExistsAndNameOwners() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        cluster.client.report(error(.notHosted, epoch: 99, "n3", shard: 2), of: "n1")
        cluster.client.report(error(.notHosted, epoch: 99), of: "n1")
        #expect(try members(cluster.client) == ["n1", "n2"])
    }

    /// The servers go on by their views until they have moved; a map counts where a view's owners are gone.
    @Test func aViewStaysInForceUntilItsOwnersCannotBeReached() async throws {
        let cluster = try TestCluster(["n1", "n2"])
        let client = cluster.client
        client.report(error(.moving, epoch: 12, "n3"), of: "n1")
        client.follow(try TestCluster.map(["n1", "n4"]), epoch: 11)
        #expect(try members(client) == ["n3"])
        client.follow(try TestCluster.map(["n1", "n4"]), epoch: 12)
        #expect(try members(client) == ["n3"])
        let view = try client.route(of: Array("k".utf8)).view
        client.report(refused, of: "n3", shard: 1, view: view)
        #expect(try members(client) == ["n1", "n4"])
    }
}
