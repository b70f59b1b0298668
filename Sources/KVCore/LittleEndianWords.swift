/// Words as bytes of a message, the least significant byte of each first.
extension [UInt64] {
    /// Bytes that are no whole word are left out.
    package init(littleEndian bytes: UnsafeRawBufferPointer) {
        self.init(unsafeUninitializedCapacity: bytes.count / 8) { words, count in
            count = bytes.count / 8
            UnsafeMutableRawBufferPointer(words).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[..<(count * 8)])
            )
            for index in 0..<count { words[index] = UInt64(littleEndian: words[index]) }
        }
    }

    package var littleEndianBytes: [UInt8] { map(\.littleEndian).withUnsafeBytes { [UInt8]($0) } }
}
