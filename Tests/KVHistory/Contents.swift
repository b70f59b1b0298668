internal import Glibc
package import KVSharding

/// What keys and values a load has.
package struct Contents: Sendable {
    package var keyCount: Int
    /// How much hotter some keys are than others: 1 = all are alike, 3 = one call in ten of a thousand keys is for the first one.
    package var skew = 1.0
    /// Values have any size up to this; 0 = that of their names.
    package var valueBytesMax = 0

    package init(keyCount: Int) { self.keyCount = keyCount }

    /// The number of a key, from 0.
    package func key(_ random: inout SeededRandom) -> Int {
        if skew == 1 { return random.number(0...keyCount - 1) }
        return Int(pow(Double.random(in: 0..<1, using: &random), skew) * Double(keyCount))
    }

    /// A value of this name, which makes it unlike all others.
    package func value(_ name: String, _ random: inout SeededRandom) -> [UInt8] {
        let name = Array(name.utf8)
        if valueBytesMax == 0 { return name }
        return name + [UInt8](repeating: 0, count: max(0, random.number(0...valueBytesMax) - name.count))
    }
}
