import KVSharding
import Testing

@Suite struct ShardMapFuzzTests {
    /// Whatever is done to a map's bytes, reading returns or throws; what it accepts survives a round trip.
    @Test func mutatedMapsNeverCrash() throws {
        var random = SeededRandom(seed: 1)
        let seeds = [
            ShardMapTests.seedForm,
            #"{"epoch":7,"numShards":2,"nodes":{"a\u00e9":{"address":"h","port":1},"b":{"address":"i","port":2}},"shards":{"1":["b"],"2":[]}}"#,
            #"{"numShards":1,"nodes":{},"shards":{},"x":[true,false,null,-1.5e+3,"\ud83d\ude00"]}"#,
        ].map { Array($0.utf8) }
        let pieces = [
            "{", "}", "[", "]", "\"", ":", ",", "-", "0", "9", "1e9", "null", "\\u", "\\ud800", "\"n1\"", "\"1\":",
        ]
        .map { Array($0.utf8) }
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = seeds.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0...bytes.count, using: &random)
                let until = min(bytes.count, at + Int.random(in: 0...6, using: &random))
                switch Int.random(in: 0..<5, using: &random) {
                case 0 where at < bytes.count: bytes[at] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes.removeSubrange(at..<until)
                case 2: bytes.insert(contentsOf: bytes[at..<until], at: Int.random(in: 0...bytes.count, using: &random))
                case 3: bytes.replaceSubrange(at..<until, with: pieces.randomElement(using: &random)!)
                default: bytes.removeSubrange(Int.random(in: at...bytes.count, using: &random)...)
                }
            }
            do throws(ShardMapError) {
                let map = try ShardMap(json: bytes)
                accepted += 1
                #expect(try ShardMap(json: Array(map.json().utf8)) == map)
            } catch {
                #expect(error.faults.allSatisfy { !$0.place.isEmpty && !$0.message.isEmpty })
            }
        }
        // Some mutations leave a valid map, most do not: otherwise the test would look at one side only.
        #expect((100..<10_000).contains(accepted))
    }
}
