internal import NIOCore
internal import NIOPosix

/// The way from one process to another: a port of its own, where the source finds the destination. It can be cut for each
/// direction and slowed down. A connection that is made while it is cut waits, as one does that gets no answer.
///
/// All of its state is touched on its event loop only.
final class Link: @unchecked Sendable {
    private struct Relay {
        var accepted: any Channel
        var pipes: [Direction: Pipe]
    }

    let name: LinkName
    /// Where the source is to connect to.
    let port: Int
    private let loop: any EventLoop
    private let listener: any Channel
    private let state: State

    private final class State: @unchecked Sendable {
        var targetPort: Int?
        var cut: Set<Direction> = []
        var delay = TimeAmount.zero
        var relays: [ObjectIdentifier: Relay] = [:]
    }

    init(_ name: LinkName, on group: any EventLoopGroup) async throws {
        self.name = name
        let loop = group.next()
        let state = State()
        self.loop = loop
        self.state = state
        listener = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.relay(channel, state) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress!.port!
    }

    /// Where connections lead to from now on.
    func lead(to port: Int) { loop.execute { self.state.targetPort = port } }

    /// Nothing passes in these directions until they are mended.
    func cut(_ directions: [Direction]) {
        loop.execute {
            self.state.cut = Set(directions)
            self.apply()
        }
    }

    /// Everything passes again, at once.
    /// - Parameter resets: the connections of before are lost, with what was under way.
    func mend(resets: Bool) {
        loop.execute {
            self.state.cut = []
            self.state.delay = .zero
            if resets {
                for relay in self.state.relays.values { Self.close(relay) }
            }
            self.apply()
        }
    }

    func delay(milliseconds: Int) {
        loop.execute {
            self.state.delay = .milliseconds(Int64(milliseconds))
            self.apply()
        }
    }

    func close() async {
        try? await listener.close()
        loop.execute {
            for relay in self.state.relays.values { Self.close(relay) }
        }
    }

    private func apply() {
        for relay in state.relays.values {
            for (direction, pipe) in relay.pipes {
                pipe.delay = state.delay
                pipe.isOpen = !state.cut.contains(direction)
            }
        }
    }

    private static func close(_ relay: Relay) {
        relay.accepted.close(promise: nil)
        relay.pipes[.requests]?.target?.close(promise: nil)
    }

    private static func relay(_ accepted: any Channel, _ state: State) throws {
        let loop = accepted.eventLoop
        let pipes = Dictionary(
            uniqueKeysWithValues: Direction.allCases.map { direction in
                (direction, Pipe(loop: loop, isOpen: !state.cut.contains(direction), delay: state.delay))
            }
        )
        let (requests, answers) = (pipes[.requests]!, pipes[.answers]!)
        try accepted.pipeline.syncOperations.addHandler(PipeInlet(requests))
        answers.target = accepted
        let identity = ObjectIdentifier(accepted)
        state.relays[identity] = Relay(accepted: accepted, pipes: pipes)
        accepted.closeFuture.assumeIsolated().whenComplete { _ in state.relays[identity] = nil }
        guard let port = state.targetPort else { return accepted.close(promise: nil) }
        let inlet = NIOLoopBound(PipeInlet(answers), eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(inlet.value)
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel): requests.target = channel
                case .failure: accepted.close(promise: nil)
                }
            }
    }
}
