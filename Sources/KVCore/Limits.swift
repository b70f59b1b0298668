/// The sizes that a server accepts, in bytes.
package struct Limits: Sendable, Hashable {
    package var maxKeyBytes: Int
    package var maxValueBytes: Int

    package static let defaultMaxKeyBytes = 64 << 10
    package static let defaultMaxValueBytes = 64 << 20

    package init(maxKeyBytes: Int = defaultMaxKeyBytes, maxValueBytes: Int = defaultMaxValueBytes) {
        self.maxKeyBytes = maxKeyBytes
        self.maxValueBytes = maxValueBytes
    }

    /// The largest payload of a frame: a key and a value with room for the other fields of their message.
    package var maxPayloadBytes: Int { maxKeyBytes + maxValueBytes + 1024 }
}
