/// How many replicas an operation waits for.
package enum Level: UInt8, Sendable, CaseIterable {
    case one
    case quorum
    case all

    /// Whether an operation at this level that begins after the acknowledgement of a write at the other one must know of it: the
    /// replicas that both heard of have one in common, even after a crash. What only one replica has acknowledged may be lost.
    package func sees(_ write: Level) -> Bool {
        switch write {
        case .one: false
        case .quorum: self != .one
        case .all: true
        }
    }
}
