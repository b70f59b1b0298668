import Foundation
import KVCore
import Testing

@testable import KVWire

/// Bytes from anybody: whatever they are, the connection survives them or ends with GOAWAY, and all that it sends
/// are whole frames. SHARDKV_FUZZ_ITERATIONS sets how many streams are tried.
struct ServerConnectionFuzzTests {
    private static let iterations =
        ProcessInfo.processInfo.environment["SHARDKV_FUZZ_ITERATIONS"].flatMap(Int.init) ?? 20_000
    private static let limits = Limits(maxKeyBytes: 100, maxValueBytes: 500)

    private func check(_ stream: [UInt8], _ random: inout SplitMix64) throws {
        let driver = ConnectionDriver(
            handler: EchoHandler(arenaBytes: 4096),
            limits: Self.limits,
            outputLimit: .random(in: 1...5000, using: &random)
        )
        var rest = stream[...]
        while !rest.isEmpty && !driver.isClosed {
            let chunk = rest.prefix(.random(in: 1...600, using: &random))
            driver.feed(Array(chunk))
            rest = rest.dropFirst(chunk.count)
            // What is kept for later is part of one frame within the limits.
            try #require(driver.pendingCount <= FrameHeader.byteCount + Self.limits.maxPayloadBytes)
        }
        let frames = try driver.frames()
        try #require(driver.isClosed == (frames.last?.type == .goAway))
        for frame in frames where frame.type == .response && frame.header.code == 0 {
            _ = try GetResponse(decoding: frame.payload)
        }
    }

    @Test func mutatedStreams() throws {
        var random = SplitMix64(seed: 7)
        for _ in 0..<Self.iterations {
            var stream = Preface.bytes
            for number in 0..<UInt32.random(in: 1...12, using: &random) {
                let key = random.bytes(.random(in: 0...60, using: &random))
                stream +=
                    Bool.random(using: &random)
                    ? Frame(request: GetRequest(key: key), requestID: number).bytes
                    : Frame(request: SetRequest(key: key, value: key, ttlMilliseconds: -1), requestID: number).bytes
            }
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<stream.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: stream[place] = .random(in: 0...255, using: &random)
                case 1: stream[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: stream.removeSubrange(place..<min(stream.count, place + 3))
                default: stream.insert(contentsOf: random.bytes(2), at: place)
                }
                if stream.isEmpty { break }
            }
            try check(stream, &random)
        }
    }

    @Test func randomBytes() throws {
        var random = SplitMix64(seed: 8)
        for _ in 0..<Self.iterations / 10 {
            try check(random.bytes(.random(in: 0...300, using: &random)), &random)
            try check(Preface.bytes + random.bytes(.random(in: 0...3000, using: &random)), &random)
        }
    }

    /// Fields that the encoding allows, whatever a message means by them.
    private static func fields(_ random: inout SplitMix64, depth: Int) -> [UInt8] {
        (0..<Int.random(in: 0...6, using: &random)).flatMap { _ -> [UInt8] in
            let number = UInt8.random(in: 1...11, using: &random) << 3
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return [number, .random(in: 0...127, using: &random)]
            case 1: return [number | 1] + random.bytes(8)
            case 2: return [number | 5] + random.bytes(4)
            default:
                let content = depth > 0 ? fields(&random, depth: depth - 1) : random.bytes(3)
                return content.count < 128 ? [number | 2, UInt8(content.count)] + content : []
            }
        }
    }

    @Test func randomPayloadsOfEveryMessage() {
        var random = SplitMix64(seed: 9)
        func decodes<M: Message>(_ type: M.Type, _ bytes: [UInt8]) -> Int { (try? M(decoding: bytes)) == nil ? 0 : 1 }
        var decoded = 0
        for _ in 0..<Self.iterations / 4 {
            var bytes = Self.fields(&random, depth: 3)
            if Bool.random(using: &random), !bytes.isEmpty {
                bytes[.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            decoded += decodes(GetRequest.self, bytes)
            decoded += decodes(SetRequest.self, bytes)
            decoded += decodes(DeleteRequest.self, bytes)
            decoded += decodes(GetResponse.self, bytes)
            decoded += decodes(MutationResponse.self, bytes)
            decoded += decodes(GetShardContentsRequest.self, bytes)
            decoded += decodes(GetShardContentsResponse.self, bytes)
            decoded += decodes(GetStatusResponse.self, bytes)
            decoded += decodes(ExchangeRequest.self, bytes)
            decoded += decodes(ExchangeResponse.self, bytes)
            decoded += decodes(ActivateRequest.self, bytes)
            decoded += decodes(ActivateResponse.self, bytes)
            decoded += decodes(CompareRequest.self, bytes)
            decoded += decodes(CompareResponse.self, bytes)
            decoded += decodes(GetDigestsRequest.self, bytes)
            decoded += decodes(GetDigestsResponse.self, bytes)
            decoded += decodes(GetVersionsRequest.self, bytes)
            decoded += decodes(GetRecordsRequest.self, bytes)
            decoded += decodes(GetChangesRequest.self, bytes)
            decoded += decodes(GetChangesResponse.self, bytes)
            decoded += decodes(GetShardMapResponse.self, bytes)
            decoded += decodes(ProceedRequest.self, bytes)
            decoded += decodes(View.self, bytes)
            decoded += decodes(Hello.self, bytes)
            decoded +=
                bytes.withUnsafeBytes { RPCError(header: FrameHeader(type: .response), payload: $0).view } == nil
                ? 0 : 1
        }
        #expect(decoded > Self.iterations / 10)
    }
}
