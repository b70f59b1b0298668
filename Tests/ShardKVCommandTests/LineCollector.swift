import Synchronization

/// The lines that a log was given.
final class LineCollector: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func clear() { lines.withLock { $0 = [] } }
    func append(_ line: String) { lines.withLock { $0.append(line) } }
}
