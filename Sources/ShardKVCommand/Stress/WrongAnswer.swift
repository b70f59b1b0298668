/// Why a Get's answer cannot be right.
enum WrongAnswer: Sendable, Hashable, CustomStringConvertible {
    /// "Not found", though a value that cannot have expired was acknowledged before.
    case missing
    /// A value that was overwritten before the Get began; `newer` = by which Set, where that is still known.
    case stale(sequence: UInt64, newer: UInt64?)
    /// A value that outlived its TTL by `late` nanoseconds, the buffer already taken off.
    case expired(sequence: UInt64, late: UInt64)
    /// Another tester's value, though one of ours was acknowledged before the Get began.
    case foreign(newer: UInt64)
    /// Not a value that was ever written to this key.
    case corrupt

    var description: String {
        switch self {
        case .missing: "not found, though an acknowledged value cannot have expired yet"
        case .stale(let sequence, let newer?): "stale: the value of Set \(sequence), which Set \(newer) had overwritten"
        case .stale(let sequence, nil):
            "stale: the value of Set \(sequence), which was refused or overwritten long before"
        case .expired(let sequence, let late): "expired: the value of Set \(sequence), \(late / 1000) us after its TTL"
        case .foreign(let newer): "foreign: a value of another writer, which Set \(newer) had overwritten"
        case .corrupt: "corrupt: no value that was written to this key"
        }
    }
}
