/// The hash that places keys: 32-bit FNV-1, the same in every language and release, because every process must
/// find a key on the same shard, and replicas must find it in the same bucket of their digests.
public enum RoutingHash {
    /// FNV-1 multiplies, then xors; FNV-1a, its better known sibling, does the reverse and places keys elsewhere.
    @inlinable
    public static func fnv1(_ key: UnsafeRawBufferPointer) -> UInt32 {
        var hash: UInt32 = 2_166_136_261
        guard var next = key.baseAddress else { return hash }
        let end = next + key.count
        // Eight at a time, which the compiler unrolls.
        while end - next >= 8 {
            for offset in 0..<8 { hash = extended(hash, next + offset) }
            next += 8
        }
        while next < end {
            hash = extended(hash, next)
            next += 1
        }
        return hash
    }

    @inlinable @inline(__always)
    static func extended(_ hash: UInt32, _ byte: UnsafeRawPointer) -> UInt32 {
        hash &* 16_777_619 ^ UInt32(byte.load(as: UInt8.self))
    }
}
