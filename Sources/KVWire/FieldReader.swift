/// Reads a flat message whose fields come in the order of their numbers, each at most once: the way every encoder writes them.
///
/// Each call reads one field, or gives its default value where another one comes next. Whatever is unusual (an order, a
/// field, a length of another kind) is left in place, so that `isAtEnd` tells in the end: if it is false, what was read counts
/// for nothing, and protobuf-c decides about the message. Bytes are not copied: they point into the payload.
struct FieldReader {
    private var next: UnsafeRawPointer
    private let end: UnsafeRawPointer

    /// How values follow their field's number in a tag.
    private enum WireType {
        static let varint: UInt8 = 0
        static let fixed64: UInt8 = 1
        static let lengthDelimited: UInt8 = 2
    }

    /// nil for an empty payload.
    @inline(__always)
    init?(_ payload: UnsafeRawBufferPointer) {
        guard let start = payload.baseAddress else { return nil }
        next = start
        end = start + payload.count
    }

    /// All of the payload was read.
    var isAtEnd: Bool { next == end }

    /// A field below 16 of type `bytes`.
    @inline(__always)
    mutating func bytes(_ field: UInt8) -> UnsafeRawBufferPointer {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        guard isNext(field, WireType.lengthDelimited) else { return empty }
        // A length of more than four bytes is none that a frame can hold.
        guard let (length, start) = varint(at: next + 1), start - next <= 5, length <= UInt64(end - start) else {
            return empty
        }
        let count = Int(length)
        next = start + count
        return UnsafeRawBufferPointer(start: start, count: count)
    }

    /// A field below 16 of type `fixed64`.
    @inline(__always)
    mutating func fixed64(_ field: UInt8) -> UInt64 {
        guard isNext(field, WireType.fixed64), end - next > 8 else { return 0 }
        let word = (next + 1).loadUnaligned(as: UInt64.self)
        next += 9
        return UInt64(littleEndian: word)
    }

    /// A field below 16 of type `int64`. Negative ones are unusual.
    @inline(__always)
    mutating func int64(_ field: UInt8) -> Int64 {
        guard isNext(field, WireType.varint), let (number, rest) = varint(at: next + 1) else { return 0 }
        next = rest
        return Int64(number)
    }

    /// A field below 16 of type `bool`.
    @inline(__always)
    mutating func bool(_ field: UInt8) -> Bool {
        guard isNext(field, WireType.varint), end - next > 1 else { return false }
        let byte = (next + 1).load(as: UInt8.self)
        guard byte <= 1 else { return false }
        next += 2
        return byte == 1
    }

    @inline(__always)
    private func isNext(_ field: UInt8, _ type: UInt8) -> Bool {
        next < end && next.load(as: UInt8.self) == field << 3 | type
    }

    /// A number of up to 56 bits and what follows it; nil = a longer one, or one that is cut off.
    @inline(__always)
    private func varint(at start: UnsafeRawPointer) -> (UInt64, UnsafeRawPointer)? {
        guard start < end else { return nil }
        let first = start.load(as: UInt8.self)
        return first < 0x80 ? (UInt64(first), start + 1) : longVarint(at: start)
    }

    private func longVarint(at start: UnsafeRawPointer) -> (UInt64, UnsafeRawPointer)? {
        var number: UInt64 = 0
        for index in 0..<min(8, end - start) {
            let byte = start.load(fromByteOffset: index, as: UInt8.self)
            number |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte < 0x80 { return (number, start + index + 1) }
        }
        return nil
    }
}
