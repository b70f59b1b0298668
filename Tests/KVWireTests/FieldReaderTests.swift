import KVCore
import Testing

@testable import KVWire

/// What is read field by field comes out as protobuf-c would unpack it, however it is damaged.
final class FieldReaderTests {
    private let decoder = RequestDecoder()
    private let mutation = UnsafeMutablePointer<MutationView>.allocate(capacity: 1)
    private let get = UnsafeMutablePointer<GetView>.allocate(capacity: 1)

    deinit {
        mutation.deallocate()
        get.deallocate()
    }

    /// What a view says, without its addresses.
    private struct Content: Equatable {
        var key: [UInt8]
        var value: [UInt8] = []
        var numbers: [UInt64]
        var flags: [Bool] = []
    }

    private func get(_ payload: [UInt8], byProtobuf: Bool) -> Content? {
        payload.withUnsafeBytes { payload in
            decoder.reset(firstPayloadBytes: payload.count)
            let isRead = byProtobuf ? decoder.unpackGet(payload, into: get) : decoder.get(payload, into: get)
            guard isRead else { return nil }
            let view = get.pointee
            return Content(key: Array(view.key), numbers: [view.view], flags: [view.withMetadata, view.metadataOnly])
        }
    }

    private func mutation(_ payload: [UInt8], isSet: Bool, byProtobuf: Bool) -> Content? {
        payload.withUnsafeBytes { payload in
            decoder.reset(firstPayloadBytes: payload.count)
            let isRead =
                switch (isSet, byProtobuf) {
                case (true, true): decoder.unpackSet(payload, into: mutation)
                case (true, false): decoder.set(payload, into: mutation)
                case (false, true): decoder.unpackDelete(payload, into: mutation)
                case (false, false): decoder.delete(payload, into: mutation)
                }
            guard isRead else { return nil }
            let view = mutation.pointee
            let numbers = [
                UInt64(bitPattern: view.ttlMilliseconds), view.view, view.version.time, view.version.writer,
                view.expiresAt, view.opClockMilliseconds,
            ]
            return Content(
                key: Array(view.key),
                value: Array(view.value),
                numbers: numbers,
                flags: [view.kind == .live]
            )
        }
    }

    private func expectTheSame(_ payload: [UInt8]) {
        #expect(get(payload, byProtobuf: false) == get(payload, byProtobuf: true), "\(payload)")
        for isSet in [true, false] {
            let read = mutation(payload, isSet: isSet, byProtobuf: false)
            #expect(read == mutation(payload, isSet: isSet, byProtobuf: true), "\(payload)")
        }
    }

    /// Whatever is read field by field, protobuf-c unpacks to the same.
    private func expectTheSameResponse(_ payload: [UInt8]) -> Bool {
        payload.withUnsafeBytes { payload in
            guard let read = GetResponse(reading: payload) else { return false }
            #expect(read == (try? GetResponse(unpacking: payload)), "\(Array(payload))")
            return true
        }
    }

    private func randomRequest(_ random: inout SplitMix64) -> [UInt8] {
        func bytes(_ most: Int) -> [UInt8] { random.bytes(.random(in: 0...most, using: &random)) }
        func number() -> UInt64 {
            Bool.random(using: &random) ? 0 : random.next() >> UInt64.random(in: 0...63, using: &random)
        }
        switch Int.random(in: 0..<3, using: &random) {
        case 0:
            return GetRequest(
                key: bytes(20),
                view: number(),
                withMetadata: .random(using: &random),
                metadataOnly: .random(using: &random)
            ).encoded()
        case 1:
            return SetRequest(
                key: bytes(20),
                value: bytes(300),
                ttlMilliseconds: Int64(bitPattern: number()),
                view: number(),
                version: Version(time: number(), writer: number()),
                expiresAt: number(),
                opClockMilliseconds: number()
            ).encoded()
        default:
            return DeleteRequest(
                key: bytes(20),
                view: number(),
                version: Version(time: number(), writer: number()),
                opClockMilliseconds: number()
            ).encoded()
        }
    }

    @Test(arguments: 0..<8)
    func agreesWithProtobufOnDamagedRequests(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<500 {
            let request = randomRequest(&random)
            expectTheSame(request)
            for _ in 0..<8 { expectTheSame(damaged(request, by: randomRequest(&random), &random)) }
        }
    }

    @Test(arguments: 0..<4)
    func agreesWithProtobufOnDamagedResponses(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var readAfterDamage = 0
        for _ in 0..<500 {
            let response = randomResponse(&random)
            #expect(expectTheSameResponse(response))
            for _ in 0..<8 where expectTheSameResponse(damaged(response, by: randomResponse(&random), &random)) {
                readAfterDamage += 1
            }
        }
        #expect(readAfterDamage > 0)
    }

    private func randomResponse(_ random: inout SplitMix64) -> [UInt8] {
        func number() -> UInt64 { Bool.random(using: &random) ? 0 : random.next() >> 8 }
        return GetResponse(
            value: random.bytes(.random(in: 0...300, using: &random)),
            wasFound: true,
            ttlMillisecondsRemaining: Int64(number()),
            version: Version(time: number(), writer: number()),
            expiresAt: number(),
            kind: RecordKind(rawValue: .random(in: 0...2, using: &random))!
        ).encoded()
    }

    private func damaged(_ message: [UInt8], by other: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var damaged = message
        switch Int.random(in: 0..<4, using: &random) {
        case 0 where !damaged.isEmpty:
            damaged[Int.random(in: damaged.indices, using: &random)] = .random(in: 0...255, using: &random)
        case 1: damaged.removeLast(Int.random(in: 0...damaged.count, using: &random))
        case 2:
            damaged.insert(
                .random(in: 0...255, using: &random),
                at: Int.random(in: 0...damaged.count, using: &random)
            )
        default: damaged += other
        }
        return damaged
    }

    @Test func agreesWithProtobufOnUnusualNumbers() {
        let unusual: [[UInt8]] = [
            [], [0x0A], [0x0A, 0], [0x0A, 0x80, 0], [0x0A, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
            [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
            [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0x18, 2], [0x18, 0x80, 1],
            [0x18, 0xFF, 0xFF, 0x7F],
            [0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
            [0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
            [0x11, 1, 2, 3, 4, 5, 6, 7], [0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x0A, 1, 7], [0x8A, 0, 1, 7],
            [0x0D, 1, 2, 3, 4], [0x0F, 0],
        ]
        for payload in unusual { expectTheSame(payload) }
    }

    @Test func largeValuesStayWhereTheyAre() {
        let payload = SetRequest(key: [1], value: Array(repeating: 7, count: 70_000)).encoded()
        payload.withUnsafeBytes { payload in
            #expect(decoder.set(payload, into: mutation))
            #expect(mutation.pointee.value.count == 70_000)
            #expect(mutation.pointee.value.baseAddress == payload.baseAddress! + payload.count - 70_000)
        }
    }

    /// A Get's answer is written field by field too.
    @Test func answersAgreeWithProtobuf() throws {
        let (writer, output) = (ResponseWriter(), OutputBuffer(capacity: 64))
        for value: [UInt8]? in [nil, [], [9]]
            + [127, 128, 16_383, 16_384, 70_000].map({ Array(repeating: 5, count: $0) })
        {
            if let value {
                value.withUnsafeBytes { writer.get(3, value: $0, to: output) }
            } else {
                writer.get(3, value: nil, to: output)
            }
            let expected = GetResponse(value: value ?? [], wasFound: value != nil).encoded()
            #expect(Array(output.bytes.dropFirst(FrameHeader.byteCount)) == expected)
            output.clear()
        }
    }
}
