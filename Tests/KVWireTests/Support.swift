import KVCore
import Testing

@testable import KVWire

/// A seeded generator, so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

struct Frame: Equatable, CustomStringConvertible {
    var header: FrameHeader
    var payload: [UInt8]

    init(_ header: FrameHeader, _ payload: [UInt8] = []) {
        self.header = header
        self.header.payloadLength = UInt32(payload.count)
        self.payload = payload
    }

    init<Request: RequestMessage>(request: Request, requestID: UInt32 = 0, timeoutMilliseconds: UInt32 = 0) {
        self.init(
            FrameHeader(
                type: .request,
                code: Request.method.rawValue,
                requestID: requestID,
                auxiliary: timeoutMilliseconds
            ),
            request.encoded()
        )
    }

    var type: FrameType? { FrameType(rawValue: header.type) }
    var error: RPCError { payload.withUnsafeBytes { RPCError(header: header, payload: $0) } }

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress!) }
        return bytes + payload
    }

    var description: String { "\(header) \(payload.prefix(64))" }

    /// The frames that `bytes` consist of; fails on anything left over.
    static func all(in bytes: [UInt8]) throws -> [Frame] {
        var frames: [Frame] = []
        try bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                guard case .frame(let header, let payload) = FrameParser.next(rest, maxPayloadBytes: .max) else {
                    throw RPCError(.internal, "\(rest.count) bytes are no frame")
                }
                frames.append(Frame(header, Array(payload)))
                rest = UnsafeRawBufferPointer(rebasing: rest[(FrameHeader.byteCount + payload.count)...])
            }
        }
        return frames
    }
}

/// Answers a Get with its key as the value, a Set with nothing, anything else with UNIMPLEMENTED.
final class EchoHandler: RequestHandler {
    private let decoder: RequestDecoder
    private let writer = ResponseWriter()
    /// Stops a batch after this many requests, as a handler whose own memory is full does.
    private let mostAnswers: Int
    private(set) var handledCount = 0
    private(set) var timeouts: [UInt32] = []

    init(mostAnswers: Int = .max, arenaBytes: Int = 64 << 10) {
        self.mostAnswers = mostAnswers
        decoder = RequestDecoder(arenaBytes: arenaBytes)
    }

    func handle(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        outputLimit: Int,
        output: OutputBuffer
    ) -> Int {
        decoder.reset(firstPayloadBytes: requests[0].payload.count)
        var answered = 0
        while answered < requests.count {
            if answered > 0, output.count >= outputLimit || answered == mostAnswers { break }
            guard answer(requests[answered], isFirst: answered == 0, output: output) else { break }
            timeouts.append(requests[answered].timeoutMilliseconds)
            answered += 1
        }
        handledCount += answered
        return answered
    }

    /// Returns false when the arena is full: the request begins the next batch.
    private func answer(_ request: RequestFrame, isFirst: Bool, output: OutputBuffer) -> Bool {
        switch request.method {
        case .get:
            if let get = decoder.get(request.payload) {
                writer.get(request.requestID, value: get.key, to: output)
                return true
            }
        case .set:
            if decoder.set(request.payload) != nil {
                writer.mutation(request.requestID, to: output)
                return true
            }
        default:
            writer.error(request.requestID, RPCError(.unimplemented, "no such method"), to: output)
            return true
        }
        if decoder.isFull && !isFirst { return false }
        writer.error(request.requestID, RPCError(.invalidArgument, "malformed"), to: output)
        return true
    }

    func hello(now: UInt64) -> Hello {
        Hello(serverTimeMilliseconds: now, limits: Limits(), node: "n1", serverVersion: "1.0.0", mapEpoch: 7)
    }

    func maintain(now: UInt64) -> Int { 1000 }
}

/// Shows a connection its bytes the way a transport does: what it has not consumed again, with more.
final class ConnectionDriver {
    var connection: ServerConnection
    private let handler: EchoHandler
    private let outputLimit: Int
    private let output = OutputBuffer(capacity: 4096)
    private var pending: [UInt8] = []
    private(set) var sent: [UInt8] = []
    private(set) var isClosed = false

    static let now: UInt64 = 1_700_000_000_000

    init(handler: EchoHandler = EchoHandler(), limits: Limits = Limits(), outputLimit: Int = 1 << 20) {
        connection = ServerConnection(limits: limits)
        self.handler = handler
        self.outputLimit = outputLimit
    }

    var pendingCount: Int { pending.count }
    var isEstablished: Bool { connection.isEstablished }

    func feed(_ bytes: [UInt8]) {
        pending += bytes
        while !isClosed {
            let progress = pending.withUnsafeBytes { input in
                connection.receive(
                    input,
                    handler: handler,
                    now: Self.now,
                    outputLimit: outputLimit,
                    output: output
                )
            }
            precondition(progress.consumed <= pending.count, "it consumed more than there was")
            pending.removeFirst(progress.consumed)
            sent += output.bytes
            output.clear()
            isClosed = progress.closes
            if progress.bytesNeeded > 0 {
                precondition(pending.count < progress.bytesNeeded, "it asks for bytes that it has")
                return
            }
            if pending.isEmpty { return }
        }
    }

    func feed(_ frames: [Frame]) { feed(frames.flatMap(\.bytes)) }
    func frames() throws -> [Frame] { try Frame.all(in: sent) }
}
