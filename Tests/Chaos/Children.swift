internal import Foundation
internal import Synchronization

/// The processes that this one has started, to be ended with it whatever happens.
enum Children {
    private static let identifiers = Mutex<Set<pid_t>>([])

    static func started(_ identifier: pid_t) { identifiers.withLock { _ = $0.insert(identifier) } }

    static func ended(_ identifier: pid_t) { identifiers.withLock { _ = $0.remove(identifier) } }

    /// Asks the system. Foundation learns of an end on a thread that may be waiting for another process', and then never says so.
    static func isRunning(_ identifier: pid_t) -> Bool {
        var end = siginfo_t()
        // Looks only: Foundation collects it.
        return waitid(P_PID, id_t(identifier), &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_signo == 0
    }

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
