import KVCore
import KVWire
import NIOCore
import NIOPosix
import Synchronization

/// A node that keeps what it is told in a dictionary, on a port of its own: the wire as a client meets it, without the server.
final class TestNode: Sendable {
    struct Record: Sendable {
        var version: Version
        var value: [UInt8]?
        var expiresAt: UInt64
        /// What the client took for the cluster's time.
        var opClock: UInt64
    }

    static let clock: UInt64 = 1_800_000_000_000

    let name: String
    private let channel: any Channel
    private let records: Records

    var port: Int { channel.localAddress!.port! }
    var requestCount: Int { records.state.withLock { $0.requestCount } }

    /// How many requests a client has left.
    var cancelCount: Int { records.state.withLock { $0.cancelCount } }

    /// From now on requests arrive, and are not answered.
    func hang() { records.state.withLock { $0.hangs = true } }

    func record(_ key: String) -> Record? { records.state.withLock { $0.records[Array(key.utf8)] } }

    static func start(_ name: String) async throws -> TestNode {
        let records = Records()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(name: name, records: records))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return TestNode(name: name, channel: channel, records: records)
    }

    private init(name: String, channel: any Channel, records: Records) {
        self.name = name
        self.channel = channel
        self.records = records
    }

    /// Takes no more connections; those that are open stay.
    func stop() async throws { try await channel.close() }

    fileprivate final class Records: Sendable {
        struct State {
            var records: [[UInt8]: Record] = [:]
            var requestCount = 0
            var cancelCount = 0
            var hangs = false
        }

        let state = Mutex(State())

        func merge(_ record: Record, _ key: [UInt8]) -> MutationResponse {
            state.withLock { state in
                if let present = state.records[key], present.version > record.version {
                    return MutationResponse(superseded: present.version)
                }
                state.records[key] = record
                return MutationResponse()
            }
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let name: String
        private let records: Records
        private var input: [UInt8] = []
        private var hasPreface = false

        init(name: String, records: Records) {
            self.name = name
            self.records = records
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            input += Array(unwrapInboundIn(data).readableBytesView)
            if !hasPreface, input.count >= Preface.bytes.count {
                input.removeFirst(Preface.bytes.count)
                hasPreface = true
                let hello = Hello(
                    serverTimeMilliseconds: TestNode.clock,
                    limits: Limits(),
                    node: name,
                    serverVersion: "test",
                    mapEpoch: 1
                )
                send(.hello, id: 0, hello.encoded(), context)
            }
            while let (header, payload) = nextFrame() {
                if header.type == FrameType.cancel.rawValue { records.state.withLock { $0.cancelCount += 1 } }
                guard header.type == FrameType.request.rawValue else { continue }
                let response = answer(header, payload)
                if records.state.withLock({ $0.hangs }) { continue }
                send(.response, id: header.requestID, response, context)
            }
        }

        private func answer(_ header: FrameHeader, _ payload: [UInt8]) -> [UInt8] {
            records.state.withLock { $0.requestCount += 1 }
            switch Method(rawValue: header.code) {
            case .get:
                let request = try! GetRequest(decoding: payload)
                let record = records.state.withLock { $0.records[request.key] }
                return GetResponse(
                    value: record?.value ?? [],
                    wasFound: record?.value != nil,
                    ttlMillisecondsRemaining: record.map { record in
                        TimeToLive.remainingMilliseconds(deadline: record.expiresAt, now: record.opClock)
                    } ?? 0
                ).encoded()
            case .set:
                let request = try! SetRequest(decoding: payload)
                let record = Record(
                    version: request.version,
                    value: request.value,
                    expiresAt: request.expiresAt,
                    opClock: request.opClockMilliseconds
                )
                return records.merge(record, request.key).encoded()
            default:
                let request = try! DeleteRequest(decoding: payload)
                let record = Record(version: request.version, expiresAt: 0, opClock: request.opClockMilliseconds)
                return records.merge(record, request.key).encoded()
            }
        }

        private func send(_ type: FrameType, id: UInt32, _ payload: [UInt8], _ context: ChannelHandlerContext) {
            var header = [UInt8](repeating: 0, count: FrameHeader.byteCount)
            header.withUnsafeMutableBytes { bytes in
                FrameHeader(type: type, requestID: id, payloadLength: payload.count).write(to: bytes.baseAddress!)
            }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: header + payload)), promise: nil)
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
}
