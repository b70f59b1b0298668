import Foundation
import KVCore
import Testing

@testable import KVWire

/// The session in proto/PROTOCOL.md, byte for byte.
struct ProtocolDocumentTests {
    /// Knows apples.
    private final class AppleHandler: RequestHandler {
        private let decoder = RequestDecoder()
        private let writer = ResponseWriter()
        private var values: [[UInt8]: [UInt8]] = [:]

        func handle(
            _ requests: UnsafeBufferPointer<RequestFrame>,
            now: UInt64,
            outputLimit: Int,
            output: OutputBuffer
        ) -> Int {
            decoder.reset(firstPayloadBytes: requests[0].payload.count)
            for request in requests {
                if request.method == .set, let set = decoder.set(request.payload) {
                    values[Array(set.key)] = Array(set.value)
                    writer.mutation(request.requestID, to: output)
                    // The document's client waits for that before it goes on.
                    writer.load = 0
                } else if let get = decoder.get(request.payload), !get.key.isEmpty {
                    guard let value = values[Array(get.key)] else {
                        writer.get(request.requestID, value: nil, to: output)
                        continue
                    }
                    value.withUnsafeBytes { writer.get(request.requestID, value: $0, to: output) }
                } else {
                    let error = RPCError(.invalidArgument, "the key is empty", serverTimeMilliseconds: now)
                    writer.error(request.requestID, error, to: output)
                }
            }
            return requests.count
        }

        func hello(now: UInt64) -> Hello {
            Hello(serverTimeMilliseconds: now, limits: Limits(), node: "n1", serverVersion: "1.0.0", mapEpoch: 7)
        }

        func maintain(now: UInt64) -> Int { 1000 }
    }

    private static func document() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "proto/PROTOCOL.md"), encoding: .utf8)
    }

    /// What the document says that the client (`C`) or the server (`S`) sends.
    private static func bytes(of side: Character) throws -> [UInt8] {
        let block = try #require(document().components(separatedBy: "```session\n").dropFirst().first)
        let lines = try #require(block.components(separatedBy: "```").first).split(separator: "\n")
        return try lines.filter { $0.first == side }.flatMap { line in
            let numbers = try #require(line.dropFirst().split(separator: ";").first).split(separator: " ")
            return try numbers.map { try #require(UInt8($0, radix: 16)) }
        }
    }

    @Test func theServerAnswersAsDocumented() throws {
        let request = try Self.bytes(of: "C")
        var connection = ServerConnection(limits: Limits())
        let output = OutputBuffer(capacity: 64)
        let progress = request.withUnsafeBytes {
            connection.receive(
                $0,
                handler: AppleHandler(),
                now: 1_700_000_000_000,
                outputLimit: 1 << 20,
                output: output
            )
        }
        #expect(progress.consumed == request.count)
        #expect(Array(output.bytes) == (try Self.bytes(of: "S")))
    }

    @Test func ourClientSendsWhatIsDocumented() throws {
        let key = Array("apple".utf8)
        let frames = [
            Frame(
                request: SetRequest(key: key, value: Array("red".utf8), ttlMilliseconds: 60_000),
                requestID: 1,
                timeoutMilliseconds: 1000
            ),
            Frame(request: GetRequest(key: key), requestID: 2, timeoutMilliseconds: 1000),
            Frame(request: GetRequest(key: []), requestID: 3, timeoutMilliseconds: 1000),
            Frame(FrameHeader(type: .ping, requestID: 9)),
        ]
        #expect(Preface.bytes + frames.flatMap(\.bytes) == (try Self.bytes(of: "C")))
    }

    @Test func everyMethodStandsInTheTable() throws {
        let document = try Self.document()
        for (method, name) in Method.all {
            let number = String(method.rawValue, radix: 16)
            let padded = "0x" + String(repeating: "0", count: 4 - number.count) + number
            #expect(document.contains("| \(padded) | \(name) |"))
        }
    }
}
