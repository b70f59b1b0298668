import Glibc

/// A client under test: a process that reads commands, a line each, and prints a line for each.
final class ClientProcess {
    private let process: pid_t
    private let input: Int32
    private let output: Int32
    private var splitter = LineSplitter()
    private var hasEnded = false

    /// Its standard error is this process's.
    /// - Parameter environment: in addition to this process's.
    init(_ command: [String], environment: [String: String]) throws(CommandFailure) {
        var toClient: [Int32] = [-1, -1]
        var fromClient: [Int32] = [-1, -1]
        guard pipe(&toClient) == 0, pipe(&fromClient) == 0 else {
            throw CommandFailure("cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        // The client gets its two ends as standard input and output, and no other: else it would never see the end.
        for descriptor in toClient + fromClient { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        (input, output) = (toClient[1], fromClient[0])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, toClient[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromClient[1], STDOUT_FILENO)
        for (name, value) in environment { setenv(name, value, 1) }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var process: pid_t = 0
        let failure = posix_spawnp(&process, command[0], &actions, nil, &arguments, environ)
        self.process = process
        posix_spawn_file_actions_destroy(&actions)
        for argument in arguments { free(argument) }
        close(toClient[0])
        close(fromClient[1])
        // A client that has ended shows as the end of its output.
        signal(SIGPIPE, SIG_IGN)
        if failure != 0 {
            close(input)
            close(output)
            throw CommandFailure("cannot run \(command[0]): \(String(cString: strerror(failure)))")
        }
    }

    func send(line: [UInt8]) {
        let bytes = line + [UInt8(ascii: "\n")]
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { write(input, $0.baseAddress! + written, $0.count - written) }
            if count < 0, errno != EINTR { return }
            written += max(0, count)
        }
    }

    /// The next line; nil = it ended, or said nothing in time.
    func reply(withinMilliseconds limit: Int32) -> [UInt8]? {
        while true {
            if case .text(let line) = splitter.next() { return line }
            if hasEnded { return nil }
            var waiting = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, limit) > 0 else { return nil }
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            let count = read(output, &chunk, chunk.count)
            if count == 0 { hasEnded = true }
            splitter.append(chunk.prefix(max(0, count)))
        }
    }

    /// Ends it: by the end of its input, else by force.
    func stop() {
        close(input)
        var status: Int32 = 0
        for _ in 0..<500 {
            if waitpid(process, &status, WNOHANG) != 0 { break }
            usleep(10_000)
        }
        if waitpid(process, &status, WNOHANG) == 0 {
            kill(process, SIGKILL)
            waitpid(process, &status, 0)
        }
        close(output)
    }
}
