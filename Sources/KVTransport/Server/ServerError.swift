/// Why a server could not start, in one line for the person who started it.
package struct ServerError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Cause: Sendable, Hashable {
        case addressInUse
        /// The host does not resolve, or is not an address of this machine.
        case addressNotAvailable
        case permissionDenied
        /// Anything else the system refused.
        case system
    }

    package var cause: Cause
    package var description: String

    init(_ cause: Cause, _ description: String) {
        self.cause = cause
        self.description = description
    }
}
