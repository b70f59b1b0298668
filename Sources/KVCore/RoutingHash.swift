/// The hash that places keys: 32-bit FNV-1, the same in every language and release, because every process must
/// find a key on the same shard, and replicas must find it in the same bucket of their digests.
public enum RoutingHash {
    /// FNV-1 multiplies, then xors; FNV-1a, its better known sibling, does the reverse and places keys elsewhere.
    @inlinable
    public static func fnv1(_ key: UnsafeRawBufferPointer) -> UInt32 {
        var hash: UInt32 = 2_166_136_261
        for byte in key {
            hash = hash &* 16_777_619 ^ UInt32(byte)
        }
        return hash
    }
}
