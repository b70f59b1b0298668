/// Names a shard's configuration in 64 bits, so that requests and servers compare it with one instruction.
package enum ViewIdentifier {
    /// FNV-1a (64 bit) over the epoch's eight little-endian bytes, then each member's name in UTF-8 followed by a zero byte,
    /// names in ascending order of their bytes. The order of `members` does not matter.
    ///
    /// Never 0, which stands for "no view": the one input in 2^64 that hashes to 0 gives 1.
    package static func hash(epoch: UInt64, members: [String]) -> UInt64 {
        var hash = StableHash()
        hash.combine(littleEndian: epoch)
        for name in members.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            hash.combine(name.utf8)
            hash.combine(CollectionOfOne(0))
        }
        return hash.value == 0 ? 1 : hash.value
    }
}
