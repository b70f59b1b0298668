import KVWire
import Testing

struct FrameHeaderTests {
    @Test func isLittleEndianInTheDocumentedOrder() {
        let frame = Frame(
            FrameHeader(type: .request, flags: 0x80, code: 0x0102, requestID: 0x0A0B_0C0D, auxiliary: 0x1122_3344),
            [0xAA, 0xBB, 0xCC]
        )
        #expect(
            frame.bytes == [
                3, 0, 0, 0,  // length
                2,  // type
                0x80,  // flags
                0x02, 0x01,  // code
                0x0D, 0x0C, 0x0B, 0x0A,  // request id
                0x44, 0x33, 0x22, 0x11,  // auxiliary
                0xAA, 0xBB, 0xCC,
            ]
        )
        #expect(FrameHeader.byteCount == 16)
    }

    @Test func readsWhatItWrote() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<1000 {
            var header = FrameHeader(
                type: .ping,
                flags: .random(in: 0...255, using: &random),
                code: .random(in: 0...UInt16.max, using: &random),
                requestID: .random(in: 0...UInt32.max, using: &random),
                auxiliary: .random(in: 0...UInt32.max, using: &random)
            )
            header.type = .random(in: 0...255, using: &random)
            header.payloadLength = .random(in: 0...UInt32.max, using: &random)
            // One byte further: the header may stand at any address.
            var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount + 1)
            bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress! + 1) }
            #expect(bytes.withUnsafeBytes { FrameHeader(reading: $0.baseAddress! + 1) } == header)
        }
    }

    @Test func prefaceIsSevenLettersAndTheVersion() {
        #expect(Preface.bytes == [0x53, 0x68, 0x61, 0x72, 0x64, 0x4B, 0x56, 1])
    }

    @Test func frameTypesHaveTheirDocumentedNumbers() {
        let types: [FrameType] = [.hello, .request, .response, .cancel, .ping, .goAway]
        #expect(types.map(\.rawValue) == [1, 2, 3, 4, 5, 6])
    }

    @Test func everyStatusAndReasonFitsTheCode() throws {
        for code in StatusCode.allCases {
            for reason in Reason.allCases {
                let view = View(
                    shard: 3,
                    epoch: .max,
                    members: [
                        .init(node: "n1", address: "::1", port: 65535, incarnation: 9),
                        .init(node: "", address: "", port: 0),
                    ]
                )
                let error = RPCError(
                    code,
                    "why: \(reason) – ü",
                    reason: reason,
                    retryAfterMilliseconds: 65535,
                    serverTimeMilliseconds: 1_700_000_000_000,
                    view: reason == .none ? nil : view
                )
                let output = OutputBuffer(capacity: 16)
                let writer = ResponseWriter()
                writer.load = 513
                writer.error(77, error, to: output)
                let frame = try #require(try Frame.all(in: Array(output.bytes)).first)
                #expect(frame.header.code == UInt16(code.rawValue) + 256 * UInt16(reason.rawValue))
                #expect(frame.header.auxiliary == 65535 << 16 | 513)
                #expect(frame.header.requestID == 77)
                #expect(frame.error == error)
            }
        }
        #expect(StatusCode.allCases.map(\.rawValue) == Array(0...16))
        #expect(Reason.allCases.map(\.rawValue) == Array(0...13))
    }

    @Test func statusOfALaterVersionIsUnknown() {
        let frame = Frame(FrameHeader(type: .response, code: 0xC8C8), [0xFF])
        #expect(frame.error.code == .unknown)
        #expect(frame.error.reason == .none)
        #expect(frame.error.message == "")
    }
}

struct MethodTests {
    @Test func numbersFollowTheServicesInKvProto() {
        let expected: [(Method, String)] = [
            (.get, "kv.Kv.Get"), (.set, "kv.Kv.Set"), (.delete, "kv.Kv.Delete"),
            (.getShardContents, "kv.Kv.GetShardContents"), (.getStatus, "kv.Kv.GetStatus"),
            (.getShardMap, "kv.Kv.GetShardMap"),
            (.exchangeView, "kv.Kv.ExchangeView"),
            (.proceed, "kv.Kv.Proceed"), (.exchange, "kv.Peer.Exchange"), (.activate, "kv.Peer.Activate"),
            (.compare, "kv.Peer.Compare"), (.getDigests, "kv.Peer.GetDigests"),
            (.getVersions, "kv.Peer.GetVersions"), (.getRecords, "kv.Peer.GetRecords"),
            (.getChanges, "kv.Peer.GetChanges"),
        ]
        #expect(Method.all.map(\.method) == expected.map(\.0))
        #expect(Method.all.map(\.name) == expected.map(\.1))
        let numbers = Array(0...7) + Array(0x100...0x106) as [UInt16]
        #expect(Method.all.map(\.method.rawValue) == numbers)
    }
}
