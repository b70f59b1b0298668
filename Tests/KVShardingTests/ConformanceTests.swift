import ConformanceVectors
import KVCore
import KVSharding
import Testing

/// keys.json, shardmaps.json and views.json, which all clients are tested with.
struct ConformanceTests {
    private struct KeyVectors: Decodable {
        struct Key: Decodable {
            let key: HexBytes
            let hash: UInt32
            let shards: [Int]
        }

        let shardCounts: [Int]
        let keys: [Key]
    }

    private struct MapVectors: Decodable {
        struct Map: Decodable {
            struct Node: Decodable {
                let address: String
                let port: Int
            }

            let epoch: Decimal64<UInt64>?
            let numShards: Int
            let nodes: [String: Node]
            let shards: [String: [String]]
        }

        struct Fault: Decodable {
            let place: String
            let message: String
        }

        struct File: Decodable {
            let name: String
            let text: String?
            let bytes: HexBytes?
            let map: Map?
            let isJson: Bool?
            let faults: [Fault]?

            var content: [UInt8] { bytes?.bytes ?? Array((text ?? "").utf8) }
        }

        let valid: [File]
        let invalid: [File]
    }

    private struct ViewVectors: Decodable {
        struct View: Decodable {
            struct Member: Decodable {
                let node: String
                let incarnation: Decimal64<UInt64>
            }

            let epoch: Decimal64<UInt64>
            let members: [Member]
            let id: Decimal64<UInt64>
        }

        let views: [View]
    }

    @Test func keys() throws {
        let vectors: KeyVectors = try Vectors.load("keys.json")
        #expect(vectors.keys.count > 500 && vectors.shardCounts.contains(1) && vectors.shardCounts.contains(1 << 20))
        for count in vectors.shardCounts.enumerated() {
            let map = try ShardMap(json: Array(#"{"numShards":\#(count.element),"nodes":{},"shards":{}}"#.utf8))
            for vector in vectors.keys {
                #expect(vector.key.bytes.withUnsafeBytes(RoutingHash.fnv1) == vector.hash)
                #expect(map.shard(ofKey: vector.key.bytes) == vector.shards[count.offset])
            }
        }
    }

    @Test func validMaps() throws {
        let vectors: MapVectors = try Vectors.load("shardmaps.json")
        for vector in vectors.valid {
            let comment = Comment(rawValue: vector.name)
            let map = try ShardMap(json: vector.content)
            let expected = try #require(vector.map, comment)
            #expect(map.epoch == expected.epoch?.value, comment)
            #expect(map.numShards == expected.numShards, comment)
            #expect(map.nodes == expected.nodes.mapValues { NodeAddress(host: $0.address, port: $0.port) }, comment)
            for shard in map.shards {
                #expect(map.members(of: shard) == expected.shards["\(shard)"] ?? [], comment)
            }
        }
    }

    @Test func invalidMaps() throws {
        let vectors: MapVectors = try Vectors.load("shardmaps.json")
        for vector in vectors.invalid {
            let comment = Comment(rawValue: vector.name)
            let error = try #require(throws: ShardMapError.self, comment) { try ShardMap(json: vector.content) }
            if vector.isJson == false {
                #expect(error.faults.count == 1 && error.faults[0].place.hasPrefix("line "), comment)
            } else {
                let expected = try #require(vector.faults, comment)
                #expect(error.faults == expected.map { .init(place: $0.place, message: $0.message) }, comment)
            }
        }
    }

    @Test func viewIdentifiers() throws {
        let vectors: ViewVectors = try Vectors.load("views.json")
        for vector in vectors.views {
            let members = vector.members.map { (name: $0.node, incarnation: $0.incarnation.value) }
            #expect(ViewIdentifier.hash(epoch: vector.epoch.value, members: members) == vector.id.value)
        }
    }
}
