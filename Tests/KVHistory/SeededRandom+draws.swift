package import KVSharding

extension SeededRandom {
    /// Another sequence of the same seed, which does not move when this one's use changes.
    package static func stream(_ number: UInt64, of seed: UInt64) -> SeededRandom {
        var mixer = SeededRandom(seed: seed)
        return SeededRandom(seed: mixer.next() ^ (number &* 0x9e37_79b9_7f4a_7c15))
    }

    package mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    package mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
}
