import Foundation
import KVSharding
import Testing

/// The maps that come with the project are part of its interface: documents and scripts name them.
@Suite struct ShardMapsFolderTests {
    static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "shardmaps")

    private func load(_ name: String) throws -> ShardMap {
        try ShardMap(path: Self.folder.appending(path: name + ".json").path)
    }

    static let shapes: [(String, nodes: Int, shards: Int, replicas: Int)] = [
        ("single-node", 1, 5, 1), ("single-node-single-shard", 1, 1, 1), ("test-2-node-full", 2, 10, 2),
        ("test-3-node", 3, 10, 2), ("test-3-node-100-shard", 3, 100, 2), ("test-5-node", 5, 10, 3),
        ("initial-4-node", 4, 8, 2), ("migrated-4-node", 4, 8, 2),
    ]

    @Test(arguments: shapes)
    func shape(name: String, nodes: Int, shards: Int, replicas: Int) throws {
        let map = try load(name)
        #expect(map.epoch == nil)
        #expect(map.numShards == shards)
        #expect(map.nodeNames == (1...nodes).map { "n\($0)" })
        for (index, node) in map.nodeNames.enumerated() {
            #expect(map.nodes[node] == NodeAddress(host: "127.0.0.1", port: 9000 + index))
        }
        #expect(map.shards.allSatisfy { map.members(of: $0).count == replicas })
        // Evenly: no node has more than one turn more than another.
        let loads = map.nodeNames.map { map.shards(of: $0).count }
        #expect(loads.max()! - loads.min()! <= 1)
    }

    @Test func everyMapIsListedHere() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(files.sorted() == Self.shapes.map { $0.0 + ".json" }.sorted())
    }

    @Test func theMigrationMovesEachPairOneNodeOn() throws {
        let (initial, migrated) = (try load("initial-4-node"), try load("migrated-4-node"))
        for shard in 1...8 {
            let pair = (shard - 1) / 2
            #expect(initial.members(of: shard) == ["n\(pair + 1)", "n\((pair + 1) % 4 + 1)"])
            #expect(migrated.members(of: shard) == ["n\((pair + 1) % 4 + 1)", "n\((pair + 2) % 4 + 1)"])
        }
        #expect(ShardMap.checkSuccession(of: initial, by: migrated) == [])
        let diff = ShardMapDiff(from: initial, to: migrated)
        #expect(diff.changedShards == Array(1...8))
        #expect(diff.shards(of: "n1") == .init(gained: [5, 6], lost: [1, 2], kept: [7, 8]))
    }

    @Test func faultsNameTheFile() throws {
        let path = Self.folder.path + "/missing.json"
        #expect { try ShardMap(path: path) } throws: { "\($0)" == path + ": cannot be read: No such file or directory" }
        let broken = FileManager.default.temporaryDirectory.appending(path: "broken-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: broken) }
        try Data("{}".utf8).write(to: broken)
        #expect { try ShardMap(path: broken.path) } throws: {
            "\($0)"
                == ["numShards", "nodes", "shards"].map { "\(broken.path): \($0): missing" }.joined(separator: "\n")
        }
    }
}
