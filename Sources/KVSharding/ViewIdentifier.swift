/// Names a shard's configuration in 64 bits, so that requests and servers compare it with one instruction.
package enum ViewIdentifier {
    /// A request that was not routed by a view, and accepts any.
    package static let none: UInt64 = 0
    /// A request whose sender does not know the view, and asks to be told: no server's view.
    package static let unknown: UInt64 = 1

    /// FNV-1a (64 bit) over the epoch's eight little-endian bytes, then for each member its name in UTF-8, a zero byte and
    /// its incarnation's eight little-endian bytes, in ascending order of the names' bytes. The order of `members` does not
    /// matter.
    ///
    /// Never `none` or `unknown`: an input that hashes to one of them gives 2.
    package static func hash(epoch: UInt64, members: [(name: String, incarnation: UInt64)]) -> UInt64 {
        var hash = StableHash()
        hash.combine(littleEndian: epoch)
        for member in members.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            hash.combine(member.name.utf8)
            hash.combine(CollectionOfOne(0))
            hash.combine(littleEndian: member.incarnation)
        }
        return max(hash.value, 2)
    }
}
