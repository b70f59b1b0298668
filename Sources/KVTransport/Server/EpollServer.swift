internal import CLinux
internal import Glibc
internal import KVCore
package import KVWire
package import Logging
internal import Synchronization

/// A TCP server on Linux: a few threads, each with an epoll loop and a request handler of its own.
///
/// Life: `start`, then `beginDraining` if clients are to leave in peace, then `shutDown`. Any thread may call these,
/// except the server's own.
package final class EpollServer: Sendable {
    private enum State {
        case ready
        case running(threads: [pthread_t], loops: [LoopMailbox])
        case stopped
    }

    private let configuration: ServerConfiguration
    private let logger: Logger
    let gauges = ServerGauges()
    private let state = Mutex(State.ready)
    /// Runs a loop on the thread that calls it, until the server stops.
    private let runLoop: @Sendable (_ loop: Int, consuming ServerLoop) -> Void

    /// - Parameter makeHandler: is called once on each loop's thread, which is the only one to use that handler.
    package init<Handler: RequestHandler>(
        configuration: ServerConfiguration,
        logger: Logger,
        makeHandler: @escaping @Sendable (_ loop: Int) -> Handler
    ) {
        self.configuration = configuration
        self.logger = logger
        runLoop = { number, loop in
            var loop = loop
            loop.run(handler: makeHandler(number))
        }
    }

    deinit { shutDown() }

    /// The connections that are open now, over all loops.
    package var connectionCount: Int { gauges.connectionCount.load(ordering: .relaxed) }

    /// Binds the configured address, and serves from then on. To be called once.
    package func start() throws(ServerError) -> BoundAddress {
        let listener = try Listener(host: configuration.host, port: configuration.port)
        do throws(ServerError) {
            var loops: [LoopMailbox] = []
            for _ in 0..<configuration.threadCount { loops.append(try LoopMailbox()) }
            run(loops, listener)
        } catch {
            close(listener.socket)
            throw error
        }
        return listener.address
    }

    private func run(_ loops: [LoopMailbox], _ listener: Listener) {
        let acceptor = Acceptor(
            listener: listener,
            loops: loops,
            maxConnections: configuration.maxConnections ?? OpenFileLimit.maxConnections
        )
        state.withLock { state in
            guard case .ready = state else { preconditionFailure("a server is started once") }
            let threads = loops.indices.map { number in
                Thread.start(named: "loop-\(number)") { [configuration, logger, gauges, runLoop] in
                    let loop = ServerLoop(
                        configuration: configuration,
                        logger: logger,
                        gauges: gauges,
                        mailbox: loops[number],
                        acceptor: number == 0 ? acceptor : nil
                    )
                    runLoop(number, loop)
                }
            }
            state = .running(threads: threads, loops: loops)
        }
    }

    /// Stops accepting, and tells every client with GOAWAY to go elsewhere. Requests are answered until `shutDown`.
    package func beginDraining() {
        gauges.isDraining.store(true, ordering: .releasing)
        state.withLock { state in
            if case .running(_, let loops) = state { for loop in loops { loop.wake() } }
        }
    }

    /// Closes everything and waits for the threads to end. Does nothing the second time.
    package func shutDown() {
        gauges.isStopping.store(true, ordering: .releasing)
        state.withLock { state in
            guard case .running(let threads, let loops) = state else {
                state = .stopped
                return
            }
            for loop in loops { loop.wake() }
            for thread in threads { pthread_join(thread, nil) }
            // What was accepted last may have found its loop gone.
            for loop in loops {
                loop.takeHandovers { connection in
                    Connection.destroy(connection)
                    gauges.connectionCount.subtract(1, ordering: .relaxed)
                }
            }
            state = .stopped
        }
    }
}
