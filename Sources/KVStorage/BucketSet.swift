internal import KVCore

/// Some of the buckets of a store's digests, as a bitmap.
package struct BucketSet: Hashable, Sendable {
    /// Bucket 0 is the lowest bit of the first word.
    package private(set) var words: [UInt64]

    /// A set as it came from elsewhere.
    package init(words: [UInt64]) { self.words = words }

    /// A set as it came over the wire; bytes that are no whole word are left out.
    package init(bytes: [UInt8]) {
        words = bytes.withUnsafeBytes { [UInt64](littleEndian: $0) }
    }

    /// A bit for each bucket, the least significant of a byte first.
    package var bytes: [UInt8] { words.littleEndianBytes }

    /// The buckets in which two replicas' digests of one moment differ.
    package init(differing own: [UInt64], _ other: [UInt64]) {
        precondition(own.count == other.count, "replicas have the same buckets")
        words = [UInt64](repeating: 0, count: (own.count + 63) >> 6)
        for bucket in own.indices where own[bucket] != other[bucket] { words[bucket >> 6] |= 1 << UInt64(bucket & 63) }
    }

    /// Leaves the buckets that are in both.
    package mutating func formIntersection(_ other: BucketSet) {
        for index in words.indices { words[index] &= index < other.words.count ? other.words[index] : 0 }
    }

    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Whether a bucket is in the set; those past its end are not.
    package func contains(_ bucket: Int) -> Bool {
        bucket >> 6 < words.count && words[bucket >> 6] >> UInt64(bucket & 63) & 1 != 0
    }
}
