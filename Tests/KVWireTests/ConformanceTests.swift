import ConformanceVectors
import KVCore
import Testing

@testable import KVWire

/// The vectors that all clients are tested with, read by our own codec.
struct ConformanceTests {
    @Test func theNumbersAreOurs() throws {
        let numbers: NumberVectors = try Vectors.load("numbers.json")
        #expect(numbers.protocolVersion == Preface.version)
        #expect(numbers.headerBytes == FrameHeader.byteCount)
        #expect(
            numbers.frameTypes == [
                "HELLO": FrameType.hello.rawValue, "REQUEST": FrameType.request.rawValue,
                "RESPONSE": FrameType.response.rawValue, "CANCEL": FrameType.cancel.rawValue,
                "PING": FrameType.ping.rawValue, "GOAWAY": FrameType.goAway.rawValue,
            ]
        )
        let statuses = StatusCode.allCases.map { ($0.name, $0.rawValue) }
        #expect(numbers.statuses == Dictionary(uniqueKeysWithValues: statuses))
        #expect(
            numbers.reasons.mapValues(\.number)
                == Dictionary(uniqueKeysWithValues: Reason.allCases.map { ("\($0)", $0.rawValue) })
        )
        #expect(
            numbers.methods.mapValues(\.number)
                == Dictionary(uniqueKeysWithValues: Method.all.map { ($0.name, $0.method.rawValue) })
        )
        #expect(numbers.defaultLimits.maxKeyBytes == Limits().maxKeyBytes)
        #expect(numbers.defaultLimits.maxValueBytes == Limits().maxValueBytes)
        #expect(numbers.defaultLimits.maxPayloadBytes == Limits().maxPayloadBytes)
    }

    @Test func framesAreEncodedAndDecodedAsWritten() throws {
        let vectors: FrameVectors = try Vectors.load("frames.json")
        #expect(vectors.preface.bytes == Preface.bytes)
        #expect(vectors.frames.count > 60)
        for vector in vectors.frames {
            let comment = Comment(rawValue: vector.name)
            let frame = try #require(try Frame.all(in: vector.bytes.bytes).first, comment)
            #expect(frame.bytes == vector.bytes.bytes, comment)
            let header = try #require(vector.header, comment)
            #expect(frame.header.payloadLength == header.length, comment)
            #expect(frame.header.type == header.type, comment)
            #expect(frame.header.flags == header.flags, comment)
            #expect(frame.header.code == header.code, comment)
            #expect(frame.header.requestID == header.requestId, comment)
            #expect(frame.header.auxiliary == header.auxiliary, comment)
            try checkPayload(vector, frame, comment)
        }
    }

    private func checkPayload(_ vector: FrameVectors.Frame, _ frame: Frame, _ comment: Comment) throws {
        guard let name = vector.message else {
            #expect(frame.payload.isEmpty, comment)
            return
        }
        let fields = try #require(vector.fields, comment)
        if name == "Error" { return try checkError(vector, frame, fields, comment) }
        let type: any Message.Type
        if let peerType = VectorMessages.peerTypes[name] {
            type = peerType
        } else {
            let message = try #require(VectorMessages.make(name, fields), comment)
            #expect(message.encoded() == frame.payload, comment)
            type = Swift.type(of: message)
        }
        #expect(try type.init(decoding: frame.payload).encoded() == frame.payload, comment)
        if vector.frame == "REQUEST" {
            let method = try #require(type as? any RequestMessage.Type, comment).method
            #expect(method.rawValue == frame.header.code, comment)
            #expect(Method.all.first { $0.method == method }?.name == vector.method, comment)
            #expect(vector.timeoutMs == frame.header.auxiliary, comment)
        }
    }

    private func checkError(
        _ vector: FrameVectors.Frame,
        _ frame: Frame,
        _ fields: MessageFields,
        _ comment: Comment
    ) throws {
        let error = frame.error
        #expect(error.code.name == vector.status, comment)
        #expect("\(error.reason)" == vector.reason, comment)
        #expect(error.message == fields.text("message"), comment)
        #expect(error.serverTimeMilliseconds == fields.number("server_time_ms"), comment)
        #expect(error.view == fields.message("view").map(VectorMessages.view), comment)
        guard vector.frame == "RESPONSE" else { return }
        #expect(error.retryAfterMilliseconds == vector.retryAfterMs, comment)
        let output = OutputBuffer(capacity: 16)
        let writer = ResponseWriter()
        writer.load = try #require(vector.load, comment)
        writer.error(frame.header.requestID, error, to: output)
        #expect(Array(output.bytes) == frame.bytes, comment)
    }

    @Test func whatLaterReleasesSendIsTolerated() throws {
        let vectors: FrameVectors = try Vectors.load("frames.json")
        for vector in vectors.tolerated {
            let comment = Comment(rawValue: vector.name)
            let frame = try #require(try Frame.all(in: vector.bytes.bytes).first, comment)
            if vector.frame == "skipped" {
                #expect(frame.type == nil, comment)
            } else if vector.message == "Error" {
                #expect(frame.error.code.name == vector.status, comment)
                #expect("\(frame.error.reason)" == vector.reason, comment)
            } else {
                let fields = try #require(vector.fields, comment)
                let message = try #require(VectorMessages.make(vector.message ?? "", fields), comment)
                #expect(try type(of: message).init(decoding: frame.payload).encoded() == message.encoded(), comment)
            }
        }
    }

    @Test func malformedPayloadsAreRefused() throws {
        let vectors: FrameVectors = try Vectors.load("frames.json")
        for vector in vectors.malformed {
            #expect(throws: RPCError.self, Comment(rawValue: vector.name)) {
                try SetRequest(decoding: vector.payload.bytes)
            }
        }
    }

    @Test func lengthsAreJudgedByTheirHeader() throws {
        let vectors: FrameVectors = try Vectors.load("frames.json")
        let limits = Limits(maxKeyBytes: vectors.limits.maxKeyBytes, maxValueBytes: vectors.limits.maxValueBytes)
        #expect(limits.maxPayloadBytes == vectors.limits.maxPayloadBytes)
        for vector in vectors.limits.headers {
            let comment = Comment(rawValue: "\(vector.length) bytes")
            let driver = ConnectionDriver(limits: limits)
            driver.feed(Preface.bytes + vector.header.bytes)
            let reply = try driver.frames().dropFirst().first
            switch vector.outcome {
            case "refuse":
                #expect(reply?.error.reason == .tooLarge, comment)
                #expect(reply?.header.requestID == 5, comment)
                #expect(!driver.isClosed, comment)
            case "end":
                #expect(reply?.type == .goAway, comment)
                #expect(reply?.error.code == .invalidArgument, comment)
                #expect(driver.isClosed, comment)
            default:
                #expect(vector.outcome == "take", comment)
                #expect(reply == nil || vector.length == 0, comment)
                #expect(!driver.isClosed, comment)
            }
        }
    }
}
