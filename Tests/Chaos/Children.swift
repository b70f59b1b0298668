internal import Foundation
internal import Synchronization

/// The processes that this one has started, to be ended with it whatever happens.
enum Children {
    private static let identifiers = Mutex<Set<pid_t>>([])

    static func started(_ identifier: pid_t) { identifiers.withLock { _ = $0.insert(identifier) } }

    static func ended(_ identifier: pid_t) { identifiers.withLock { _ = $0.remove(identifier) } }

    static func killAll() {
        identifiers.withLock { identifiers in
            for identifier in identifiers { kill(identifier, SIGKILL) }
            identifiers.removeAll()
        }
    }
}

struct ChaosError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
