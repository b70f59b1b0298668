import KVCore
import KVHistory

/// Searches an order of all operations that respects real time and versions, in which each read returns the write before it.
enum Linearization {
    private enum Operation {
        case write(Version, Span)
        case read(Version, Span)

        var span: Span {
            switch self {
            case .write(_, let span), .read(_, let span): span
            }
        }
    }

    static func exists(_ history: History) -> Bool {
        let operations =
            history.writes.map { Operation.write($0.acknowledgedVersion!, $0.span) }
            + history.reads.map { Operation.read($0.record.version, $0.span) }
        return extend(operations, state: .none)
    }

    private static func extend(_ rest: [Operation], state: Version) -> Bool {
        if rest.isEmpty { return true }
        return rest.indices.contains { index in
            if rest.contains(where: { $0.span.precedes(rest[index].span) }) { return false }
            var next = state
            switch rest[index] {
            case .write(let version, _):
                if version < state { return false }
                next = version
            case .read(let version, _): if version != state { return false }
            }
            var others = rest
            others.remove(at: index)
            return extend(others, state: next)
        }
    }
}
