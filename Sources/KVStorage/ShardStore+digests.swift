import KVCore

/// What a replica says of its live records, so that another one finds where they differ.
///
/// A pull takes over what the other replica has newer, by versions; values follow only where they are needed:
///
/// 1. Both sides take their `digests` with the `now` and the skew of the one that pulls. Different buckets: `BucketSet(differing:)`.
/// 2. The other side lists key, version and kind of its live records in these buckets (`scan(buckets:)`).
/// 3. The side that pulls looks up each of them (`find`), and asks for the records that are greater than its own.
/// 4. It lists its own live records in these buckets too. Those whose keys were not among the other side's, it asks for by key and
///    version: the other side looks them up, and answers with its record, a marker too, where it is greater.
///
/// Nothing is missed, whatever has become of a key on the two sides. Let the other side's record be the greater one.
/// - It is live: its own bucket differs (the version is in one digest only), so step 2 lists it.
/// - It is a marker, and a live record is on the side that pulls: the bucket of that one differs, so step 4 finds the marker,
///   which is in no digest, and whose key may never have had that deadline on the other side. So it is, too, where the other
///   side's record is live in a bucket that is left out, near its deadline.
/// - It is a marker, and there is no live record on the side that pulls: the two agree on what is live. Markers are not
///   brought in line.
///
/// After a pull in each direction the two are equal, but for what was written meanwhile and for buckets left out; what goes
/// over the network is proportional to the buckets that differ. Left out are windows near now, and what shares their buckets
/// on the ring: who concludes that nothing older is anywhere (for `markersDroppableBefore`) needs two pulls from each replica,
/// 60 to 70 s apart, see `BucketLayout`.
extension ShardStore {
    /// The words of all buckets, as another replica compares them: zero where a deadline is near `now`. Each word is read at its
    /// own moment, so writes under way look like differences.
    /// - Parameters:
    ///   - now: milliseconds since 1970, the same for both sides.
    ///   - skewMilliseconds: how far their clocks may be from that.
    package func digests(cutoff now: UInt64, skewMilliseconds: UInt64) -> [UInt64] {
        var words = digests.read()
        for buckets in digests.layout.nearBuckets(now: now, skewMilliseconds: skewMilliseconds) {
            for bucket in buckets { words[bucket] = 0 }
        }
        return words
    }

    /// The words of all buckets, whatever expires when. Replicas that sweep at different moments differ in them.
    package var allDigests: [UInt64] { digests.read() }

    /// All words in one: stores with the same digests have the same root, others almost certainly not.
    package static func root(of digests: [UInt64]) -> UInt64 {
        var root: UInt64 = 0
        for (index, word) in digests.enumerated() where word != 0 {
            let secret = UInt64(index) &* 0x9E37_79B9_7F4A_7C15 ^ 0xD6E8_FEB8_6659_FD93
            root ^= KeyHash.fold(word ^ secret, secret | 1)
        }
        return root
    }
}
