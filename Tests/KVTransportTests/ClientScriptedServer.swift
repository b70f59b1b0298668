import KVCore
import KVWire
import NIOCore
import NIOPosix
import Synchronization

/// A server on a port of its own that does with each frame what a test says.
final class ScriptedServer: Sendable {
    /// One client's connection, as a script meets it.
    struct Peer: Sendable {
        let channel: any Channel
        /// 1 for the first connection that the server accepted.
        let number: Int

        func answer(_ request: FrameHeader, _ message: some Message, load: UInt16 = 0) {
            send(frame(.response, id: request.requestID, auxiliary: UInt32(load), payload: message.encoded()))
        }

        func refuse(_ request: FrameHeader, _ error: RPCError) {
            send(frame(.response, code: error.headerCode, id: request.requestID))
        }

        func send(_ bytes: [UInt8]) {
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        }

        func cut() { channel.close(promise: nil) }
    }

    typealias Script = @Sendable (FrameHeader, [UInt8], Peer) -> Void

    static let defaultHello = Hello(
        serverTimeMilliseconds: 5_000_000,
        limits: Limits(maxKeyBytes: 100, maxValueBytes: 1000),
        node: "n1",
        serverVersion: "test",
        mapEpoch: 1
    )

    private let channel: any Channel
    private let accepted: AcceptedChannels

    var port: Int { channel.localAddress!.port! }

    /// - Parameter hello: nil = says none.
    static func start(hello: Hello? = defaultHello, port: Int = 0, _ script: @escaping Script) async throws
        -> ScriptedServer
    {
        let accepted = AcceptedChannels()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let number = accepted.add(channel)
                return channel.eventLoop.makeCompletedFuture {
                    let peer = Peer(channel: channel, number: number)
                    try channel.pipeline.syncOperations.addHandler(Handler(hello: hello, peer: peer, script: script))
                }
            }
            .bind(host: "127.0.0.1", port: port)
            .get()
        return ScriptedServer(channel: channel, accepted: accepted)
    }

    private init(channel: any Channel, accepted: AcceptedChannels) {
        self.channel = channel
        self.accepted = accepted
    }

    func stop() async throws {
        try await channel.close()
        for channel in accepted.all { try? await channel.close() }
    }
}

private final class AcceptedChannels: Sendable {
    private let channels = Mutex<[any Channel]>([])
    var all: [any Channel] { channels.withLock { $0 } }

    func add(_ channel: any Channel) -> Int {
        channels.withLock { channels in
            channels.append(channel)
            return channels.count
        }
    }
}

private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let hello: Hello?
    private let peer: ScriptedServer.Peer
    private let script: ScriptedServer.Script
    private var input: [UInt8] = []
    private var hasPreface = false

    init(hello: Hello?, peer: ScriptedServer.Peer, script: @escaping ScriptedServer.Script) {
        self.hello = hello
        self.peer = peer
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        input += Array(unwrapInboundIn(data).readableBytesView)
        if !hasPreface {
            guard input.count >= Preface.bytes.count else { return }
            precondition(input.starts(with: Preface.bytes), "the client sends no preface")
            input.removeFirst(Preface.bytes.count)
            hasPreface = true
            if let hello { peer.send(frame(.hello, payload: hello.encoded())) }
        }
        while let (header, payload) = nextFrame() { script(header, payload, peer) }
    }

    private func nextFrame() -> (FrameHeader, [UInt8])? {
        let found = input.withUnsafeBytes { bytes -> (FrameHeader, [UInt8])? in
            guard case .frame(let header, let payload) = FrameParser.next(bytes, maxPayloadBytes: 1 << 24) else {
                return nil
            }
            return (header, Array(payload))
        }
        if let found { input.removeFirst(FrameHeader.byteCount + found.1.count) }
        return found
    }
}

func frame(
    _ type: FrameType,
    code: UInt16 = 0,
    id: UInt32 = 0,
    auxiliary: UInt32 = 0,
    payload: [UInt8] = []
) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: FrameHeader.byteCount)
    header.withUnsafeMutableBytes { bytes in
        FrameHeader(type: type, code: code, requestID: id, auxiliary: auxiliary, payloadLength: payload.count)
            .write(to: bytes.baseAddress!)
    }
    return header + payload
}
