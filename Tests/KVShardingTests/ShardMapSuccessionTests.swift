import KVSharding
import Testing

@Suite struct ShardMapSuccessionTests {
    static func map(
        epoch: UInt64? = nil,
        numShards: Int = 2,
        n1: Int = 1,
        members: [Int: [String]] = [:]
    ) throws -> ShardMap {
        try ShardMap(
            epoch: epoch,
            numShards: numShards,
            nodes: ["n1": NodeAddress(host: "h", port: n1), "n2": NodeAddress(host: "h", port: 99)],
            members: members
        )
    }

    private func faults(_ current: ShardMap, _ next: ShardMap) -> [String] {
        ShardMap.checkSuccession(of: current, by: next).map(\.description)
    }

    @Test func whatMayFollow() throws {
        let current = try Self.map(epoch: 7, members: [1: ["n1"]])
        #expect(faults(current, current) == [])
        #expect(faults(current, try Self.map(epoch: 8, members: [1: ["n1"]])) == [])
        #expect(faults(current, try Self.map(epoch: 8, members: [1: ["n2"]])) == [])
        #expect(faults(current, try Self.map(members: [1: ["n2"]])) == [])
        let grown = try ShardMap(
            epoch: 8,
            numShards: 2,
            nodes: ["n9": NodeAddress(host: "h", port: 1)],
            members: [1: ["n9"]]
        )
        #expect(faults(current, grown) == [])
    }

    @Test func whatMayNot() throws {
        let current = try Self.map(epoch: 7, members: [1: ["n1"]])
        #expect(
            faults(current, try Self.map(epoch: 6, numShards: 3, n1: 5)) == [
                "numShards: changes from 2 to 3, which would move keys between shards",
                #"nodes."n1": moves from h:1 to h:5: a name keeps its address, a new address needs a new name"#,
                "epoch: 6 is not above 7, the epoch of the map in force",
            ]
        )
        #expect(faults(current, try Self.map(epoch: 7)) == ["epoch: 7 is not above 7, the epoch of the map in force"])
    }
}

@Suite struct ShardMapDiffTests {
    @Test func tellsGainedLostAndKept() throws {
        let old = try ShardMapSuccessionTests.map(numShards: 4, members: [1: ["n1"], 2: ["n1", "n2"], 3: ["n2"]])
        let new = try ShardMapSuccessionTests.map(numShards: 4, members: [1: ["n2"], 2: ["n2", "n1"], 4: ["n1"]])
        let diff = ShardMapDiff(from: old, to: new)
        #expect(diff.changedShards == [1, 3, 4])
        #expect(diff.shards(of: "n1") == .init(gained: [4], lost: [1], kept: [2]))
        #expect(diff.shards(of: "n2") == .init(gained: [1], lost: [3], kept: [2]))
        #expect(diff.shards(of: "n3") == .init())
        #expect(ShardMapDiff(from: nil, to: new).shards(of: "n1").gained == [2, 4])
        #expect(ShardMapDiff(from: new, to: new).changedShards == [])
    }

    /// Against the definition: what a node gains, loses and keeps follows from its shards in both maps.
    @Test func agreesWithSetsOnRandomMaps() throws {
        var random = SeededRandom(seed: 2)
        let names = (1...6).map { "n\($0)" }
        let nodes = Dictionary(uniqueKeysWithValues: names.map { ($0, NodeAddress(host: $0, port: 1)) })
        func randomMap() throws -> ShardMap {
            let members = (1...20).map {
                ($0, Array(names.shuffled(using: &random).prefix(.random(in: 0...4, using: &random))))
            }
            return try ShardMap(numShards: 20, nodes: nodes, members: Dictionary(uniqueKeysWithValues: members))
        }
        for _ in 0..<50 {
            let (old, new) = (try randomMap(), try randomMap())
            let diff = ShardMapDiff(from: old, to: new)
            for name in names {
                let (before, after) = (Set(old.shards(of: name)), Set(new.shards(of: name)))
                #expect(diff.shards(of: name).gained == after.subtracting(before).sorted())
                #expect(diff.shards(of: name).lost == before.subtracting(after).sorted())
                #expect(diff.shards(of: name).kept == before.intersection(after).sorted())
            }
            #expect(diff.changedShards == (1...20).filter { Set(old.members(of: $0)) != Set(new.members(of: $0)) })
        }
    }
}
