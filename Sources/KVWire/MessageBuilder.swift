internal import CKeyValueProto
internal import CProtobufC

/// The memory behind one outgoing C message: what its pointers point at lives as long as this. For the messages off
/// the hot path; `ResponseWriter` and the request encoders need none.
final class MessageBuilder {
    private var allocations: [UnsafeMutableRawPointer] = []

    deinit { for allocation in allocations { allocation.deallocate() } }

    func make<Message>(_ initialize: (UnsafeMutablePointer<Message>?) -> Void) -> UnsafeMutablePointer<Message> {
        let message = allocate(Message.self, count: 1)
        initialize(message)
        return message
    }

    /// A NUL-terminated copy; what follows a NUL in `string` is left out.
    func text(_ string: String) -> UnsafeMutablePointer<CChar> {
        let utf8 = Array(string.utf8.prefix { $0 != 0 })
        let copy = allocate(CChar.self, count: utf8.count + 1)
        for (index, byte) in utf8.enumerated() { copy[index] = CChar(bitPattern: byte) }
        copy[utf8.count] = 0
        return copy
    }

    func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
        let copy = allocate(UInt8.self, count: bytes.count)
        copy.update(from: bytes, count: bytes.count)
        return ProtobufCBinaryData(len: bytes.count, data: copy)
    }

    /// The count and elements of a repeated field.
    func list<Value, Element>(
        _ values: [Value],
        _ element: (Value) -> Element
    ) -> (Int, UnsafeMutablePointer<Element?>?) {
        let array = allocate(Element?.self, count: values.count)
        for (index, value) in values.enumerated() { array[index] = element(value) }
        return (values.count, array)
    }

    /// The count and elements of a repeated field of numbers.
    func numbers<Number>(_ values: [Number]) -> (Int, UnsafeMutablePointer<Number>?) {
        let array = allocate(Number.self, count: values.count)
        array.update(from: values, count: values.count)
        return (values.count, array)
    }

    private func allocate<T>(_ type: T.Type, count: Int) -> UnsafeMutablePointer<T> {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count * MemoryLayout<T>.stride),
            alignment: MemoryLayout<T>.alignment
        )
        allocations.append(memory)
        return memory.bindMemory(to: type, capacity: count)
    }
}
