internal import Synchronization

/// Brings what connections hear to a client that is made after them.
final class Announcement: Sendable {
    private let handler = Mutex<(@Sendable (UInt64) -> Void)?>(nil)

    func handle(_ handler: @escaping @Sendable (UInt64) -> Void) { self.handler.withLock { $0 = handler } }

    func tell(_ epoch: UInt64) { handler.withLock { $0 }?(epoch) }
}
