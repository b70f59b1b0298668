import KVSharding
import Testing

func faults(_ json: String) -> [String] {
    do throws(ShardMapError) {
        _ = try ShardMap(json: Array(json.utf8))
        return []
    } catch {
        return error.faults.map(\.description)
    }
}

func map(_ json: String) throws(ShardMapError) -> ShardMap {
    try ShardMap(json: Array(json.utf8))
}

@Suite struct ShardMapTests {
    static let seedForm = """
        {"numShards": 5, "nodes": {"n1": {"address": "127.0.0.1", "port": 9001}, "n3": {"address": "::1", "port": 9003},
         "n10": {"address": "host.example", "port": 65535}}, "shards": {"1": ["n3","n1"], "5": ["n10"], "4": null}}
        """

    @Test func loadsTheSeedForm() throws {
        let map = try map(Self.seedForm)
        #expect(map.epoch == nil)
        #expect(map.numShards == 5)
        #expect(map.nodeNames == ["n1", "n3", "n10"])
        #expect(map.nodes["n1"] == NodeAddress(host: "127.0.0.1", port: 9001))
        #expect(map.nodes["n3"]?.description == "[::1]:9003")
        #expect(map.members(of: 1) == ["n3", "n1"])
        #expect([2, 3, 4].allSatisfy { map.members(of: $0).isEmpty })
        #expect(map.shards(of: "n10") == [5])
        #expect(map.shards(of: "n9") == [])
    }

    @Test func unknownMembersAreSkipped() throws {
        let text = Self.seedForm.replacing(
            "\"numShards\"",
            with: "\"comment\": [{\"nodes\": 1}, 2], \"epoch\": 12, \"numShards\""
        )
        .replacing("9001}", with: "9001, \"zone\": \"a\"}")
        let map = try map(text)
        #expect(map.epoch == 12)
        #expect(map.hasSameContent(as: try KVShardingTests.map(Self.seedForm)))
        #expect(map.fingerprint == (try KVShardingTests.map(Self.seedForm)).fingerprint)
    }

    @Test func bracketsOfAnAddressComeOff() throws {
        let map = try map(#"{"numShards":1,"nodes":{"a":{"address":"[::1]","port":1}},"shards":{}}"#)
        #expect(map.nodes["a"] == NodeAddress(host: "::1", port: 1))
    }

    @Test func writesStableText() throws {
        let map = try map(Self.seedForm)
        #expect(
            map.json() == """
                {
                  "numShards": 5,
                  "nodes": {
                    "n1": { "address": "127.0.0.1", "port": 9001 },
                    "n3": { "address": "::1", "port": 9003 },
                    "n10": { "address": "host.example", "port": 65535 }
                  },
                  "shards": {
                    "1": ["n3", "n1"],
                    "2": [],
                    "3": [],
                    "4": [],
                    "5": ["n10"]
                  }
                }

                """
        )
        #expect(try ShardMap(json: Array(map.json().utf8)) == map)
        let odd = try ShardMap(
            epoch: 3,
            numShards: 1,
            nodes: ["a\"\\b é😀": NodeAddress(host: "h", port: 1)],
            members: [1: ["a\"\\b é😀"]]
        )
        #expect(try ShardMap(json: Array(odd.json().utf8)) == odd)
        #expect(
            try ShardMap(json: Array(try ShardMap(numShards: 1, nodes: [:], members: [:]).json().utf8)).nodes.isEmpty
        )
    }

    @Test func valuesInCodeFollowTheSameRules() {
        #expect(throws: ShardMapError.self) { try ShardMap(numShards: 0, nodes: [:], members: [:]) }
        #expect(throws: ShardMapError.self) { try ShardMap(numShards: 2, nodes: [:], members: [3: []]) }
        #expect(throws: ShardMapError.self) { try ShardMap(epoch: .max, numShards: 1, nodes: [:], members: [:]) }
    }

    @Test func naturalOrder() {
        #expect(
            ["n10", "n2", "n02", "n1", "n", "a9b", "a10a", "b"].sorted(by: NaturalOrder.precedes)
                == ["a9b", "a10a", "b", "n", "n1", "n02", "n2", "n10"]
        )
    }

    @Test func addressesAreReadAsTheyAreWritten() {
        for text in ["localhost:9000", "127.0.0.1:0", "[::1]:9000"] {
            #expect(NodeAddress(parsing: text)?.description == text)
        }
        for text in ["", "h", ":1", "h:", "h:65536", "h:-1", "::1:9000", "[]:1", "[::1:9"] {
            #expect(NodeAddress(parsing: text) == nil, "\(text)")
        }
    }
}
