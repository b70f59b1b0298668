import Foundation

/// The programs that the process tests run.
enum Binary {
    /// `shardkv`: SHARDKV_BINARY, or the one built beside the tests.
    static let path: String = {
        if let path = ProcessInfo.processInfo.environment["SHARDKV_BINARY"], !path.isEmpty { return path }
        return beside("shardkv")
    }()

    /// The driver of chaos runs.
    static let chaos = beside("Chaos")

    /// The driver of simulated histories.
    static let simulate = beside("Simulate")

    private static func beside(_ name: String) -> String {
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        var directories = [executable.deletingLastPathComponent()]
        // Under `swift test` the runner is the toolchain's; the bundle that it loads stands beside the binary.
        directories += CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
            .map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        for directory in directories {
            let candidate = directory.appendingPathComponent(name).path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        }
        fatalError("no \(name) beside \(directories.map(\.path)); build it first")
    }
}

/// What a finished process left.
struct Finished {
    var exitCode: Int32
    var output: [UInt8]
    var errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
}

/// A process of the test's own. Its output goes to files, so that a full pipe never stops it.
final class RunningProcess {
    let process = Process()
    private let directory: URL
    private var hasStarted = false

    init(
        _ arguments: [String],
        executable: String = Binary.path,
        input: [UInt8]? = nil,
        environment: [String: String] = [:],
        currentDirectory: URL? = nil
    )
        throws
    {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("shardkv-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for name in ["out", "err"] { try Data().write(to: URL(fileURLWithPath: path(name))) }
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let currentDirectory { process.currentDirectoryURL = currentDirectory }
        process.standardOutput = FileHandle(forWritingAtPath: path("out"))
        process.standardError = FileHandle(forWritingAtPath: path("err"))
        try Data(input ?? []).write(to: URL(fileURLWithPath: path("in")))
        process.standardInput = FileHandle(forReadingAtPath: path("in"))
        try process.run()
        hasStarted = true
    }

    deinit {
        if process.isRunning {
            kill(process.processIdentifier, SIGCONT)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(at: directory)
    }

    var identifier: pid_t { process.processIdentifier }
    var output: [UInt8] { (FileManager.default.contents(atPath: path("out")) ?? Data()).map { $0 } }
    var errors: String { String(decoding: FileManager.default.contents(atPath: path("err")) ?? Data(), as: UTF8.self) }

    func signal(_ number: Int32) { kill(identifier, number) }

    /// Waits for the end; a process that takes longer than any healthy one is killed and shows as exit code 137.
    func finish(within seconds: Double = 120) async throws -> Finished {
        let deadline = Date().addingTimeInterval(seconds)
        while process.isRunning {
            if Date() > deadline {
                kill(identifier, SIGKILL)
                process.waitUntilExit()
                return Finished(exitCode: 137, output: output, errors: errors + "\n(killed: did not end by itself)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        let code = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
        return Finished(exitCode: code, output: output, errors: errors)
    }

    private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
}

/// Runs `shardkv` to its end.
func shardkv(
    _ arguments: String...,
    input: [UInt8]? = nil,
    environment: [String: String] = [:],
    currentDirectory: URL? = nil
) async throws -> Finished {
    try await RunningProcess(
        arguments,
        input: input,
        environment: environment,
        currentDirectory: currentDirectory
    ).finish()
}
