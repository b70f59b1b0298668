import KVSharding
import KVWire
import Testing

@testable import ShardKVCommand

@Suite struct ClusterStatusTests {
    private func map() throws -> ShardMap {
        try ShardMap(
            json: Array(
                """
                {"numShards": 2,
                 "nodes": {"n1": {"address": "127.0.0.1", "port": 9001}, "n2": {"address": "127.0.0.1", "port": 9002}},
                 "shards": {"1": ["n1", "n2"], "2": ["n1"]}}
                """.utf8
            )
        )
    }

    private func answer(_ node: String, _ shards: [ShardStatus], mapError: String = "") -> ClusterStatus.Node {
        .init(
            name: node,
            address: "127.0.0.1:9001",
            answer: .success(
                GetStatusResponse(
                    node: node,
                    serverVersion: "1",
                    mapEpoch: 7,
                    shardCount: 2,
                    uptimeMilliseconds: 5,
                    memoryBytes: 3 << 20,
                    memoryLimitBytes: 0,
                    shards: shards,
                    mapError: mapError,
                    isDraining: false,
                    waivedCopies: 0
                )
            )
        )
    }

    private func shard(_ number: Int, _ state: ShardState, keys: UInt64 = 10) -> ShardStatus {
        ShardStatus(shard: number, state: state, keys: keys, bytes: 100, markers: 0)
    }

    @Test func aClusterIsReadyWhenEveryMemberServes() throws {
        let n1 = answer("n1", [shard(1, .serving), shard(2, .serving)])
        let ready = ClusterStatus(map: try map(), nodes: [n1, answer("n2", [shard(1, .serving)])])
        #expect(ready.obstacles == [])
        let joining = ClusterStatus(map: try map(), nodes: [n1, answer("n2", [shard(1, .joining)])])
        #expect(joining.obstacles == ["n2: does not serve yet: shard 1"])
        let absent = ClusterStatus(map: try map(), nodes: [n1, answer("n2", [])])
        #expect(absent.obstacles == ["n2: does not serve yet: shard 1"])
    }

    @Test func aSilentNodeIsShownAsSuch() throws {
        let silent = ClusterStatus.Node(
            name: "n2",
            address: "127.0.0.1:9002",
            answer: .failure(CommandFailure("UNAVAILABLE: refused"))
        )
        var coming = shard(2, .joining)
        (coming.source, coming.copiedKeys, coming.copiedBytes) = ("n3", 4, 2048)
        var going = shard(3, .leaving)
        going.awaited = ["n4", "n5"]
        let status = ClusterStatus(
            map: try map(),
            nodes: [answer("n1", [shard(1, .serving), coming, going], mapError: "no nodes"), silent]
        )
        #expect(
            status.text == """
                NODE  ADDRESS         STATE        SHARDS  KEYS  MEMORY   EPOCH  HANDOVERS
                n1    127.0.0.1:9001  up           1       30    3.0 MiB  7      2 from n3 (4 keys, 2.0 KiB); 3 to n4, n5
                n2    127.0.0.1:9002  unreachable  -       -     -        -      -

                n1: its newest shard map is refused: no nodes
                n2: UNAVAILABLE: refused

                """
        )
        #expect(status.obstacles.contains("n2: UNAVAILABLE: refused"))
        #expect(
            status.json.description.contains(
                #"{"node": "n2", "address": "127.0.0.1:9002", "error": "UNAVAILABLE: refused"}"#
            )
        )
    }
}
