/// The seeded 64-bit hash of a key: multiply-and-fold rounds in the manner of wyhash. Every block is mixed with secrets
/// derived from the seed, so that without the seed no keys can be built whose blocks cancel out.
@usableFromInline
struct KeyHash: Sendable {
    @usableFromInline let first: UInt64
    @usableFromInline let second: UInt64
    /// All ones, except in tests that need crowded tables: the bits of a hash that may be set.
    @usableFromInline let mask: UInt64

    init(seed: UInt64, mask: UInt64 = .max) {
        var state = seed
        first = Self.splitMix(&state) | 1
        second = Self.splitMix(&state) | 1
        self.mask = mask
    }

    @inlinable
    func callAsFunction(_ key: UnsafeRawBufferPointer) -> UInt64 {
        guard let bytes = key.baseAddress else { return finish(0, 0, seed: second, count: 0) }
        let count = key.count
        if count > 16 { return long(bytes, count: count) }
        if count >= 4 {
            // Two overlapping pairs of words cover every length from 4 to 16.
            let middle = (count >> 3) << 2
            let low = word32(bytes, 0) << 32 | word32(bytes, middle)
            let high = word32(bytes, count - 4) << 32 | word32(bytes, count - 4 - middle)
            return finish(low, high, seed: second, count: count)
        }
        if count == 0 { return finish(0, 0, seed: second, count: 0) }
        let low =
            UInt64(bytes.load(as: UInt8.self)) << 16
            | UInt64(bytes.load(fromByteOffset: count >> 1, as: UInt8.self)) << 8
            | UInt64(bytes.load(fromByteOffset: count - 1, as: UInt8.self))
        return finish(low, 0, seed: second, count: count)
    }

    @usableFromInline
    func long(_ bytes: UnsafeRawPointer, count: Int) -> UInt64 {
        var state = second
        var offset = 0
        while offset + 16 < count {
            state = Self.fold(word64(bytes, offset) ^ first, word64(bytes, offset + 8) ^ state)
            // A zero state would let the next block's upper half through unmixed with a secret.
            state = state &+ second
            offset += 16
        }
        return finish(word64(bytes, count - 16), word64(bytes, count - 8), seed: state, count: count)
    }

    @inlinable @inline(__always)
    func finish(_ low: UInt64, _ high: UInt64, seed: UInt64, count: Int) -> UInt64 {
        let folded = Self.fold(low ^ first, high ^ seed)
        return Self.fold(folded ^ 0x9E37_79B9_7F4A_7C15, first ^ UInt64(truncatingIfNeeded: count)) & mask
    }

    @inlinable @inline(__always)
    static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    @inlinable @inline(__always)
    func word64(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inlinable @inline(__always)
    func word32(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    private static func splitMix(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
