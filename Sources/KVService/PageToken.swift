import KVStorage

/// Where the next page of a shard's contents begins, in the 28 bytes that a client sends back: the life of the process, the
/// store, the place in the store. A token of another life or store is stale: the walk begins again.
struct PageToken {
    let incarnation: UInt64
    let store: UInt64
    let cursor: ScanCursor

    static let byteCount = 28

    init(incarnation: UInt64, store: UInt64, cursor: ScanCursor) {
        self.incarnation = incarnation
        self.store = store
        self.cursor = cursor
    }

    /// Nil for bytes that are no token.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self = bytes.withUnsafeBytes { bytes in
            PageToken(
                incarnation: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)),
                store: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                cursor: ScanCursor(
                    stripe: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)),
                    position: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 20, as: UInt64.self))
                )
            )
        }
    }

    /// `byteCount` bytes.
    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            bytes.storeBytes(of: incarnation.littleEndian, as: UInt64.self)
            bytes.storeBytes(of: store.littleEndian, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: cursor.stripe.littleEndian, toByteOffset: 16, as: UInt32.self)
            bytes.storeBytes(of: cursor.position.littleEndian, toByteOffset: 20, as: UInt64.self)
            count = Self.byteCount
        }
    }
}
