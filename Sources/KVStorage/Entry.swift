public import Glibc
public import KVCore

/// The fixed part of a record in memory. The key's bytes follow it, then the value's.
@usableFromInline
struct EntryHeader {
    @usableFromInline var version: Version
    /// Live and expired records: the deadline, 0 = never. Deleted ones: when this node deleted it. Milliseconds.
    @usableFromInline var deadline: UInt64
    @usableFromInline var kindAndKeyCount: UInt32
    @usableFromInline var valueCount: UInt32

    @inlinable
    init(version: Version, deadline: UInt64, kind: RecordKind, keyCount: Int, valueCount: Int) {
        self.version = version
        self.deadline = deadline
        kindAndKeyCount = UInt32(kind.rawValue) << Self.keyCountBits | UInt32(keyCount)
        self.valueCount = UInt32(valueCount)
    }

    @inlinable
    var kind: RecordKind {
        unsafe RecordKind(rawValue: UInt8(truncatingIfNeeded: kindAndKeyCount >> Self.keyCountBits)).unsafelyUnwrapped
    }

    var isLive: Bool { kindAndKeyCount >> Self.keyCountBits == 0 }

    @inlinable
    var keyCount: Int { Int(kindAndKeyCount & (1 << Self.keyCountBits - 1)) }

    @inlinable static var keyCountBits: UInt32 { 30 }
    @inlinable static var bytes: Int { 32 }
}

/// A record in memory: 32 bytes of header, the key, the value.
@usableFromInline
struct Entry {
    @usableFromInline let header: UnsafeMutablePointer<EntryHeader>

    @inlinable
    init(_ address: UnsafeMutableRawPointer) {
        header = address.assumingMemoryBound(to: EntryHeader.self)
    }

    @inlinable
    var address: UnsafeMutableRawPointer { UnsafeMutableRawPointer(header) }

    @inlinable
    var keyAddress: UnsafeMutableRawPointer { address + EntryHeader.bytes }

    @inlinable
    var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: keyAddress, count: header.pointee.keyCount)
    }

    @inlinable
    var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: keyAddress + header.pointee.keyCount,
            count: Int(header.pointee.valueCount)
        )
    }

    /// The bytes to allocate and to free for this entry.
    @inlinable
    var bytes: Int { EntryHeader.bytes + header.pointee.keyCount + Int(header.pointee.valueCount) }

    @inlinable @inline(__always)
    func hasKey(_ key: UnsafeRawBufferPointer) -> Bool {
        guard key.count == header.pointee.keyCount else { return false }
        guard let bytes = key.baseAddress else { return true }
        if key.count == 16 {
            return bytes.loadUnaligned(as: UInt64.self) == keyAddress.load(as: UInt64.self)
                && bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                    == keyAddress.load(fromByteOffset: 8, as: UInt64.self)
        }
        return memcmp(bytes, keyAddress, key.count) == 0
    }

    /// When a marker came to be, by which its retention counts.
    var birth: UInt64 { header.pointee.deadline }

    @inlinable @inline(__always)
    var view: RecordView {
        let header = header.pointee
        return RecordView(
            key: key,
            value: value,
            version: header.version,
            expiresAt: header.kind == .deleted ? 0 : header.deadline,
            kind: header.kind
        )
    }

    /// The same record as a marker that says it expired.
    var expiredView: RecordView {
        RecordView(
            key: key,
            value: UnsafeRawBufferPointer(start: nil, count: 0),
            version: header.pointee.version,
            expiresAt: header.pointee.deadline,
            kind: .expired
        )
    }
}
