internal import CKeyValueProto
internal import CProtobufC

/// A message of kv.proto as a Swift value.
package protocol Message: Sendable {
    /// The most bytes that `encode` may write.
    var maxEncodedBytes: Int { get }
    /// Writes the message and returns how many bytes it took.
    func encode(to bytes: UnsafeMutableRawPointer) -> Int
    /// Reads a message; throws INVALID_ARGUMENT for bytes that are none.
    init(decoding bytes: UnsafeRawBufferPointer) throws(RPCError)
}

/// A message that asks for something; its answer is a `Response`.
package protocol RequestMessage: Message {
    associatedtype Response: Message
    static var method: Method { get }
}

extension Message {
    package func encoded() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: maxEncodedBytes) { buffer, count in
            count = encode(to: UnsafeMutableRawPointer(buffer.baseAddress!))
        }
    }

    package init(decoding bytes: [UInt8]) throws(RPCError) {
        // `withUnsafeBytes` rethrows untyped errors only.
        let result = bytes.withUnsafeBytes { buffer -> Result<Self, RPCError> in
            do throws(RPCError) { return .success(try Self(decoding: buffer)) } catch { return .failure(error) }
        }
        self = try result.get()
    }
}

/// protoc-c's `…__unpack`.
typealias UnpackFunction<CMessage> = (
    UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?
) -> UnsafeMutablePointer<CMessage>?

/// A message off the hot path, converted through a C struct on the heap.
protocol ConvertedMessage: Message {
    associatedtype CMessage
    static var unpackC: UnpackFunction<CMessage> { get }
    init(_ message: CMessage)
    func message(in builder: MessageBuilder) -> UnsafeMutablePointer<CMessage>
}

extension ConvertedMessage {
    package var maxEncodedBytes: Int {
        let builder = MessageBuilder()
        return message(in: builder).withMemoryRebound(to: ProtobufCMessage.self, capacity: 1) {
            max(1, protobuf_c_message_get_packed_size($0))
        }
    }

    package func encode(to bytes: UnsafeMutableRawPointer) -> Int {
        let builder = MessageBuilder()
        return message(in: builder).withMemoryRebound(to: ProtobufCMessage.self, capacity: 1) {
            protobuf_c_message_pack($0, bytes.assumingMemoryBound(to: UInt8.self))
        }
    }

    package init(decoding bytes: UnsafeRawBufferPointer) throws(RPCError) {
        // 64 bytes of structs for each byte of hostile input are the most that nested empty messages can cost.
        let arena = Arena(capacity: min(4096 + 64 * bytes.count, bytes.count + (64 << 20)))
        guard
            let message = Self.unpackC(
                arena.allocator.assumingMemoryBound(to: ProtobufCAllocator.self),
                bytes.count,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
        else { throw RPCError(.invalidArgument, "the payload is not a \(Self.self)") }
        self = withExtendedLifetime(arena) { Self(message.pointee) }
    }
}

extension ProtobufCBinaryData {
    /// A view of the bytes that `pointer` shows; the message only reads them.
    @inline(__always)
    init(viewing bytes: UnsafeRawBufferPointer) {
        self.init(
            len: bytes.count,
            data: UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        )
    }

    @inline(__always)
    var view: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: len) }
}
