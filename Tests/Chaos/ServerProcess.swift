internal import Foundation
internal import Synchronization

/// A node as a process, which may be killed and started again. Its lives share a log.
final class ServerProcess: Sendable {
    private struct State {
        var identifier: pid_t?
        /// It was killed on purpose.
        var isDown = true
    }

    let node: String
    private let binary: String
    private let arguments: [String]
    private let logPath: String
    private let state = Mutex(State())

    init(node: String, binary: String, mapPath: String, logPath: String, options: [String]) {
        self.node = node
        self.binary = binary
        self.logPath = logPath
        arguments =
            ["server", "--shardmap", mapPath, "--node", node, "--listen", "127.0.0.1:0", "--log-level", "debug"]
            + options
    }

    /// It ended though nobody asked it to.
    var hasDied: Bool {
        state.withLock { state in !state.isDown && state.identifier.map { !Children.isRunning($0) } ?? false }
    }

    /// Starts the process and waits until it listens.
    /// - Returns: the port.
    func start() async throws -> Int {
        if !FileManager.default.fileExists(atPath: logPath) { try Data().write(to: URL(fileURLWithPath: logPath)) }
        guard let log = FileHandle(forWritingAtPath: logPath) else { throw ChaosError("\(logPath) cannot be written") }
        let begin = try log.seekToEnd()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        try process.run()
        Children.started(process.processIdentifier)
        try log.close()
        state.withLock { state in
            state.identifier = process.processIdentifier
            state.isDown = false
        }
        for _ in 0..<2000 {
            if let port = port(after: begin) { return port }
            if !Children.isRunning(process.processIdentifier) {
                throw ChaosError("\(node) ended at its start, see \(logPath)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw ChaosError("\(node) does not listen, see \(logPath)")
    }

    /// kill -9, also of a process that is stopped.
    func kill() async {
        guard
            let identifier = state.withLock({ state in
                state.isDown = true
                return state.identifier
            })
        else { return }
        Foundation.kill(identifier, SIGKILL)
        while Children.isRunning(identifier) { try? await Task.sleep(for: .milliseconds(5)) }
        Children.ended(identifier)
    }

    /// SIGSTOP or SIGCONT.
    func signal(_ number: Int32) {
        state.withLock { state in
            if let identifier = state.identifier, Children.isRunning(identifier) { Foundation.kill(identifier, number) }
        }
    }

    /// From the line `… listening on 127.0.0.1:PORT`.
    private func port(after begin: UInt64) -> Int? {
        guard let log = FileHandle(forReadingAtPath: logPath) else { return nil }
        defer { try? log.close() }
        guard (try? log.seek(toOffset: begin)) != nil, let bytes = try? log.readToEnd() else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let line = text.split(separator: "\n").first(where: { $0.contains("listening on ") }),
            text.hasSuffix("\n"), let address = line.split(separator: " ").last
        else { return nil }
        return address.split(separator: ":").last.flatMap { Int($0) }
    }
}
