import KVClient
import KVWire
import NIOCore
import NIOPosix
import ShardKV

/// A fake node on a port of its own.
struct FakeNodeServer {
    private let channel: any Channel

    var port: Int { channel.localAddress!.port! }

    /// Takes a free port. Clients that connect before `cluster` is set wait for it.
    static func start(_ name: String, cluster: EventLoopFuture<FakeCluster>) throws -> FakeNodeServer {
        let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                cluster.hop(to: channel.eventLoop).flatMapThrowing { cluster in
                    try channel.pipeline.syncOperations.addHandler(FakePeerHandler(name, cluster))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .wait()
        return FakeNodeServer(channel: channel)
    }

    /// From now on connections are refused.
    func stop() throws { try channel.close().wait() }
}

/// One client's connection to a fake node.
private final class FakePeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let node: String
    private let cluster: FakeCluster
    private var input: [UInt8] = []
    private var hasPreface = false
    private var isDeaf = false
    private let time = SystemTime()

    init(_ node: String, _ cluster: FakeCluster) {
        self.node = node
        self.cluster = cluster
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isDeaf { return }
        input += Array(unwrapInboundIn(data).readableBytesView)
        if !hasPreface { readPreface(context) }
        while hasPreface, !isDeaf, let (header, payload) = nextFrame() {
            switch FrameType(rawValue: header.type) {
            case .request:
                let (now, wall) = (time.monotonicMilliseconds, time.wallMilliseconds)
                if let reaction = cluster.received(header, payload, at: node, now: now, wall: wall) {
                    react(reaction, context)
                }
            case .ping where header.flags & FrameFlags.acknowledgement == 0:
                let answer = FrameHeader(type: .ping, flags: FrameFlags.acknowledgement, requestID: header.requestID)
                react(FakeCluster.Reaction(bytes: frame(answer, [])), context)
            case .hello, .response, .goAway:
                cluster.violation("\(node) got a frame of type \(header.type), which only servers send")
            default: break
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func readPreface(_ context: ChannelHandlerContext) {
        guard input.count >= Preface.bytes.count else { return }
        if !input.starts(with: Preface.bytes) {
            cluster.violation("\(node) got a wrong preface")
            context.close(promise: nil)
        }
        input.removeFirst(Preface.bytes.count)
        hasPreface = true
        if let reaction = cluster.connected(to: node, wall: time.wallMilliseconds) {
            react(reaction, context)
        } else {
            isDeaf = true
        }
    }

    private func nextFrame() -> (FrameHeader, [UInt8])? {
        let found = input.withUnsafeBytes { bytes -> (FrameHeader, [UInt8])? in
            guard case .frame(let header, let payload) = FrameParser.next(bytes, maxPayloadBytes: 1 << 30) else {
                return nil
            }
            return (header, Array(payload))
        }
        if let found { input.removeFirst(FrameHeader.byteCount + found.1.count) }
        return found
    }

    private func react(_ reaction: FakeCluster.Reaction, _ context: ChannelHandlerContext) {
        // Requests that came in the same read as the one that ends the connection are lost with it.
        if reaction.closes { isDeaf = true }
        guard reaction.delayMilliseconds > 0 else { return Self.perform(reaction, context.channel) }
        let channel = context.channel
        channel.eventLoop.scheduleTask(in: .milliseconds(reaction.delayMilliseconds)) {
            Self.perform(reaction, channel)
        }
    }

    private static func perform(_ reaction: FakeCluster.Reaction, _ channel: any Channel) {
        if reaction.isDripping {
            for byte in reaction.bytes { channel.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil) }
        } else {
            channel.writeAndFlush(ByteBuffer(bytes: reaction.bytes), promise: nil)
        }
        if reaction.closes { channel.close(promise: nil) }
    }
}

@available(*, unavailable) extension FakePeerHandler: Sendable {}
