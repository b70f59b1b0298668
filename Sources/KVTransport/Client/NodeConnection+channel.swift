internal import KVWire
internal import NIOCore
internal import NIOPosix
internal import Synchronization

extension NodeConnection {
    /// Begins to connect. Call once.
    func start() {
        let timeout = TimeAmount.milliseconds(options.connectTimeoutMilliseconds)
        // Not weakly: once an object was referred to weakly, counting references to it goes the slow way.
        eventLoop.scheduleTask(in: timeout) { self.helloIsOverdue() }
        ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NodeConnectionHandler(connection: self))
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): self.connected(channel)
                case .failure(let error): self.end(self.unreachable(error))
                }
            }
    }

    /// Ends the connection, and returns when its socket is closed. One that is being made closes as soon as it is.
    func close(_ error: RPCError) async {
        let channel = state.withLock { $0.channel }
        end(error)
        try? await channel?.closeFuture.get()
    }

    private func connected(_ channel: any Channel) {
        let isEnded = state.withLock { state in
            if case .ended = state.phase { return true }
            state.channel = channel
            return false
        }
        if isEnded {
            channel.close(promise: nil)
        } else {
            flush()
        }
    }

    private func helloIsOverdue() {
        guard case .connecting = state.withLock({ $0.phase }) else { return }
        end(RPCError(.unavailable, "no HELLO from \(endpoint) in \(options.connectTimeoutMilliseconds) ms"))
    }

    private func unreachable(_ error: any Error) -> RPCError {
        RPCError(
            .unavailable,
            "\(endpoint) cannot be reached: \(Self.describe(error))",
            reason: Self.isRefusal(error) ? .refused : .none
        )
    }

    /// No process listens there: certain, other than what a node that is cut off looks like.
    private static func isRefusal(_ error: any Error) -> Bool {
        if let error = error as? NIOConnectionError {
            return !error.connectionErrors.isEmpty && error.connectionErrors.allSatisfy { isRefusal($0.error) }
        }
        return (error as? IOError)?.errnoCode == ECONNREFUSED
    }

    /// One line in a user's words.
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let cause = error.connectionErrors.last?.error { return describe(cause) }
            return "the host name is not known"
        case let error as IOError:
            return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout:
            return "timed out"
        default:
            return "\(error)"
        }
    }
}

/// Bytes → frames, on the event loop.
private final class NodeConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: NodeConnection
    private var reader: ResponseReader
    private var frames: [ResponseReader.Frame] = []

    init(connection: NodeConnection) {
        self.connection = connection
        reader = ResponseReader(maxPayloadBytes: connection.options.maxResponseBytes)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: Preface.bytes)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reader.receive(unwrapInboundIn(data), &frames)
        guard !frames.isEmpty else { return }
        connection.received(frames)
        frames.removeAll(keepingCapacity: true)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.end(NodeConnection.closed)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let message = "the connection was lost: \(NodeConnection.describe(error))"
        connection.end(RPCError(.unavailable, message))
    }
}

extension ResponseReader.Frame {
    var isOK: Bool { header.code & 0xff == UInt16(StatusCode.ok.rawValue) }

    /// What a frame that is not OK says.
    var error: RPCError {
        payload.withUnsafeReadableBytes { RPCError(header: header, payload: $0) }
    }

    func decode<Payload: Message>(_ type: Payload.Type) throws(RPCError) -> Payload {
        // `withUnsafeReadableBytes` rethrows untyped errors only.
        let result = payload.withUnsafeReadableBytes { bytes -> Result<Payload, RPCError> in
            do throws(RPCError) { return .success(try Payload(decoding: bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
