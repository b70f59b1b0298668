/// 64-bit FNV-1a over bytes: the same on every machine and in every run, unlike `Hasher`.
struct StableHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func combine(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            value = (value ^ UInt64(byte)) &* 0x100_0000_01b3
        }
    }

    mutating func combine(littleEndian number: UInt64) {
        combine((0..<8).lazy.map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
    }
}
