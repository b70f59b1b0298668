import KVCore
import Testing

@testable import KVWire

struct ServerConnectionTests {
    private static let limits = Limits(maxKeyBytes: 1000, maxValueBytes: 1000)

    /// A bit of everything that a client may send.
    private static func stream(_ random: inout SplitMix64) -> [UInt8] {
        var frames: [Frame] = []
        for number in 0..<UInt32.random(in: 1...120, using: &random) {
            let key = random.bytes(.random(in: 0...200, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0: frames.append(Frame(FrameHeader(type: .ping, requestID: number), key))
            case 1: frames.append(Frame(FrameHeader(type: .cancel, requestID: number)))
            case 2:
                var header = FrameHeader(type: .ping, requestID: number)
                header.type = 200
                frames.append(Frame(header, key))
            case 3:
                let tooLarge = [UInt8](repeating: 1, count: limits.maxPayloadBytes + Int(number) + 1)
                frames.append(Frame(FrameHeader(type: .request, requestID: number), tooLarge))
            case 4: frames.append(Frame(request: SetRequest(key: key, value: key), requestID: number))
            case 5: frames.append(Frame(FrameHeader(type: .request, code: 0x0A0B, requestID: number), key))
            default: frames.append(Frame(request: GetRequest(key: key), requestID: number))
            }
        }
        return Preface.bytes + frames.flatMap(\.bytes)
    }

    @Test func aLoneRequestIsNothingElse() throws {
        let request = Frame(request: GetRequest(key: [5]), requestID: 7, timeoutMilliseconds: 9).bytes
        let tooLarge = [UInt8](repeating: 1, count: Self.limits.maxPayloadBytes + 1)
        var connection = ServerConnection(limits: Self.limits)
        let isTooEarly = request.withUnsafeBytes { connection.loneRequest($0) == nil }
        #expect(isTooEarly, "the preface is due")
        let (handler, output) = (EchoHandler(), OutputBuffer())
        _ = Preface.bytes.withUnsafeBytes {
            connection.receive($0, handler: handler, now: 1, outputLimit: .max, output: output)
        }
        try request.withUnsafeBytes {
            let found = connection.loneRequest($0)
            let lone = try #require(found)
            #expect(lone.method == .get)
            #expect(lone.requestID == 7)
            #expect(lone.timeoutMilliseconds == 9)
            #expect(lone.payload.elementsEqual(GetRequest(key: [5]).encoded()))
        }
        let others = [
            [], request + request, request + [0], Array(request.dropLast()), Array(request.prefix(5)),
            Frame(FrameHeader(type: .ping)).bytes, Frame(FrameHeader(type: .request), tooLarge).bytes,
        ]
        for other in others {
            let isRefused = other.withUnsafeBytes { connection.loneRequest($0) == nil }
            #expect(isRefused)
        }
    }

    @Test(arguments: 0..<60) func repliesDoNotDependOnHowBytesArrive(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let stream = Self.stream(&random)
        let whole = ConnectionDriver(limits: Self.limits)
        whole.feed(stream)
        #expect(whole.pendingCount == 0)
        #expect(!whole.isClosed)
        _ = try whole.frames()

        let byteByByte = ConnectionDriver(limits: Self.limits)
        for byte in stream { byteByByte.feed([byte]) }
        #expect(byteByByte.sent == whole.sent)

        // Random pieces, small output limits, handlers that answer few, or whose arena is soon full.
        for _ in 0..<4 {
            let chunked = ConnectionDriver(
                handler: EchoHandler(
                    mostAnswers: .random(in: 1...40, using: &random),
                    arenaBytes: .random(in: 1000...100_000, using: &random)
                ),
                limits: Self.limits,
                outputLimit: .random(in: 1...2000, using: &random)
            )
            var rest = stream[...]
            while !rest.isEmpty {
                let chunk = rest.prefix(.random(in: 1...3000, using: &random))
                chunked.feed(Array(chunk))
                rest = rest.dropFirst(chunk.count)
            }
            #expect(chunked.sent == whole.sent)
            #expect(chunked.pendingCount == 0)
        }
    }

    /// More requests than others are to wait for are left where they are, in their order.
    @Test func aTurnEndsAfterItsRequests() throws {
        let handler = EchoHandler()
        var connection = ServerConnection(limits: Limits())
        let output = OutputBuffer(capacity: 4096)
        let frames = (0..<100).flatMap { Frame(request: GetRequest(key: [1]), requestID: $0).bytes }
        var left = Preface.bytes + frames
        var answered: [Int] = []
        while !left.isEmpty {
            let progress = left.withUnsafeBytes {
                connection.receive($0, handler: handler, now: 0, requestLimit: 40, outputLimit: 1 << 20, output: output)
            }
            #expect(progress.bytesNeeded == 0 || progress.consumed == left.count)
            left.removeFirst(progress.consumed)
            answered.append(handler.handledCount)
        }
        #expect(answered == [64, 100])
    }

    /// After a long wait, those whose callers wait no longer are refused without a look at them, the others are answered.
    @Test func requestsThatWaitedTooLongAreRefused() throws {
        let handler = EchoHandler()
        let driver = ConnectionDriver(handler: handler)
        driver.feed(Preface.bytes)
        driver.connection.refusedPatience = 50
        let timeouts: [UInt32] = [0, 100, 50, 10, 51, 1, 0]
        driver.feed(
            timeouts.enumerated().map { index, timeout in
                Frame(request: GetRequest(key: [1]), requestID: UInt32(index), timeoutMilliseconds: timeout)
            }
        )
        #expect(handler.timeouts == [0, 100, 51, 0])
        let replies = try driver.frames().dropFirst()
        #expect(replies.map(\.header.requestID) == Array(0..<7))
        #expect(replies.map { $0.header.code & 0xff == 0 } == [true, true, false, false, true, false, true])
        for reply in replies where reply.header.code & 0xff != 0 {
            let error = reply.payload.withUnsafeBytes { RPCError(header: reply.header, payload: $0) }
            #expect(error.code == .resourceExhausted && error.reason == .overloaded && error.retryAfterMilliseconds > 0)
        }
    }

    /// Where the longest wait is over, all but those whose callers wait for ever; then all is as before.
    @Test func allThatHaveATimeoutCanBeRefused() throws {
        let handler = EchoHandler()
        let driver = ConnectionDriver(handler: handler)
        driver.feed(Preface.bytes)
        driver.connection.refusedPatience = .max
        driver.feed(
            (0..<100).map { number in
                Frame(request: GetRequest(key: [1]), requestID: number, timeoutMilliseconds: number == 50 ? 0 : .max)
            }
        )
        #expect(handler.timeouts == [0])
        #expect(try driver.frames().dropFirst().map(\.header.requestID) == Array(0..<100))
        driver.connection.refusedPatience = 0
        driver.feed([Self.get(100)])
        #expect(handler.handledCount == 2)
    }

    private static func get(_ number: UInt32) -> Frame { Frame(request: GetRequest(key: [1]), requestID: number) }
    private static func cancel(_ number: UInt32) -> Frame { Frame(FrameHeader(type: .cancel, requestID: number)) }

    /// What waits with its CANCEL behind it is not executed, and not answered; a number may be used again after that.
    @Test func cancelledRequestsThatStillWaitAreLeftOut() throws {
        let handler = EchoHandler()
        let driver = ConnectionDriver(handler: handler)
        driver.feed(Preface.bytes)
        driver.feed([
            Self.get(1), Self.get(2), Self.cancel(9), Self.get(3), Self.cancel(2), Self.get(2), Self.cancel(3),
            Self.cancel(1),
        ])
        #expect(try driver.frames().dropFirst().map(\.header.requestID) == [2])
        #expect(handler.handledCount == 1 && driver.pendingCount == 0)
        driver.feed([Self.get(4), Self.cancel(4)])
        #expect(handler.handledCount == 1 && driver.pendingCount == 0, "nothing was left of the batch")
        driver.feed([Self.get(5)])
        driver.feed([Self.cancel(5)])
        #expect(handler.handledCount == 2, "one that was answered already")
    }

    /// A CANCEL counts for the batch that it follows: those more than a batch behind it are executed.
    @Test func cancelsReachAsFarAsABatch() throws {
        let handler = EchoHandler()
        let driver = ConnectionDriver(handler: handler)
        driver.feed(Preface.bytes)
        let count = UInt32(ServerConnection.batchLimit)
        driver.feed((0...count).map(Self.get) + [Self.cancel(0), Self.cancel(count)])
        #expect(try driver.frames().dropFirst().map(\.header.requestID) == Array(0..<count))
    }

    /// Whatever is cancelled, however bytes arrive and however many are answered at once: the others are answered once, in order.
    @Test(arguments: 0..<60) func cancelsLoseNoOther(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let driver = ConnectionDriver(
            handler: EchoHandler(mostAnswers: .random(in: 1...40, using: &random)),
            outputLimit: .random(in: 1...2000, using: &random)
        )
        driver.feed(Preface.bytes)
        var cancelled: Set<UInt32> = []
        let stream = (0..<UInt32(500)).flatMap { number -> [Frame] in
            guard number > 0, Int.random(in: 0..<3, using: &random) == 0 else { return [Self.get(number)] }
            let earlier = number - .random(in: 1...min(number, 40), using: &random)
            cancelled.insert(earlier)
            return [Self.cancel(earlier), Self.get(number)]
        }.flatMap(\.bytes)
        var rest = stream[...]
        while !rest.isEmpty {
            let chunk = rest.prefix(.random(in: 1...3000, using: &random))
            driver.feed(Array(chunk))
            rest = rest.dropFirst(chunk.count)
        }
        #expect(driver.pendingCount == 0)
        let answered = try driver.frames().dropFirst().map(\.header.requestID)
        #expect(answered == answered.sorted() && Set(answered).count == answered.count)
        #expect(Set(answered).isSuperset(of: Set(0..<500).subtracting(cancelled)))
        #expect(answered.count < 500, "some were left out")
    }

    @Test func everyRequestIsAnsweredOnceAndInOrder() throws {
        let handler = EchoHandler()
        let driver = ConnectionDriver(handler: handler)
        driver.feed(Preface.bytes)
        let requests = (0..<100).map {
            Frame(request: GetRequest(key: [UInt8($0)]), requestID: $0, timeoutMilliseconds: 1000 + $0)
        }
        driver.feed(requests)
        let replies = try driver.frames().dropFirst()
        #expect(replies.map(\.header.requestID) == Array(0..<100))
        #expect(try replies.map { try GetResponse(decoding: $0.payload).value } == (0..<100).map { [UInt8($0)] })
        #expect(handler.handledCount == 100)
        #expect(handler.timeouts == (1000..<1100).map { UInt32($0) })
    }

    @Test func outputLimitEndsABatchAndLosesNothing() throws {
        var connection = ServerConnection(limits: Limits())
        let handler = EchoHandler()
        let output = OutputBuffer(capacity: 64)
        let requests = (0..<100).map { Frame(request: GetRequest(key: .init(repeating: 7, count: 100)), requestID: $0) }
        var input = Preface.bytes + requests.flatMap(\.bytes)
        var replies: [Frame] = []
        var passes = 0
        while !input.isEmpty {
            let progress = input.withUnsafeBytes {
                connection.receive($0, handler: handler, now: 0, outputLimit: 1000, output: output)
            }
            // The limit, and the response that crossed it.
            #expect(output.count < 1000 + 150)
            #expect(progress.bytesNeeded == 0 || progress.consumed == input.count)
            input.removeFirst(progress.consumed)
            replies += try Frame.all(in: Array(output.bytes))
            output.clear()
            passes += 1
        }
        #expect(replies.dropFirst().map(\.header.requestID) == Array(0..<100))
        #expect(passes > 10)
    }

    @Test func helloIsTheFirstFrame() throws {
        let driver = ConnectionDriver()
        #expect(!driver.isEstablished)
        driver.feed(Preface.bytes)
        #expect(driver.isEstablished)
        let frames = try driver.frames()
        #expect(frames.count == 1)
        #expect(frames[0].type == .hello)
        let hello = try Hello(decoding: frames[0].payload)
        #expect(hello.serverTimeMilliseconds == ConnectionDriver.now)
        #expect(hello.protocolVersion == 1)
        #expect(hello.maxPayloadBytes == Limits().maxPayloadBytes)
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8),
        [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3],
        Array("ShardKV".utf8) + [0],
        Array("ShardKV".utf8) + [2],
        Array("ShardKX".utf8),
        [0],
    ])
    func wrongPrefaceGetsGoAway(bytes: [UInt8]) throws {
        let driver = ConnectionDriver()
        driver.feed(bytes)
        #expect(driver.isClosed)
        #expect(!driver.isEstablished || driver.isClosed)
        let frames = try driver.frames()
        #expect(frames.map(\.type) == [.goAway])
        #expect(frames[0].error.code == .invalidArgument)
        #expect(frames[0].error.message == "expected the ShardKV preface, version 1")
        #expect(frames[0].error.serverTimeMilliseconds == ConnectionDriver.now)
    }

    @Test(arguments: [FrameType.hello, .response])
    func framesOfServersEndTheConnectionAfterWhatCameBefore(type: FrameType) throws {
        let driver = ConnectionDriver()
        driver.feed(Preface.bytes)
        driver.feed([
            Frame(request: GetRequest(key: [1]), requestID: 1),
            Frame(FrameHeader(type: type), [1, 2, 3]),
            Frame(request: GetRequest(key: [1]), requestID: 2),
        ])
        #expect(driver.isClosed)
        #expect(driver.pendingCount == 0)
        let frames = try driver.frames()
        #expect(frames.map(\.type) == [.hello, .response, .goAway])
        #expect(frames[2].error.code == .invalidArgument)
    }

    @Test func unknownTypesFlagsAndNoticesAreSkipped() throws {
        let driver = ConnectionDriver()
        driver.feed(Preface.bytes)
        for type: UInt8 in [0, 4, 6, 7, 99, 255] {
            var header = FrameHeader(type: .ping, flags: 0xFF, code: 1, requestID: 1, auxiliary: 1)
            header.type = type
            driver.feed([Frame(header), Frame(header, [1, 2, 3])])
        }
        driver.feed([Frame(FrameHeader(type: .ping, flags: FrameFlags.acknowledgement))])
        var request = Frame(request: GetRequest(key: [1]), requestID: 9)
        request.header.flags = 0xFE
        driver.feed([request])
        #expect(try driver.frames().map(\.type) == [.hello, .response])
        #expect(!driver.isClosed)
    }

    @Test func skippedPayloadsAreNotKept() throws {
        let driver = ConnectionDriver()
        driver.feed(Preface.bytes)
        var header = FrameHeader(type: .ping)
        header.type = 77
        driver.feed(Frame(header).bytes.withLength(50 << 20))
        for _ in 0..<50 {
            driver.feed([UInt8](repeating: 3, count: 1 << 20))
            #expect(driver.pendingCount == 0)
        }
        driver.feed([Frame(request: GetRequest(key: [1]), requestID: 9)])
        #expect(try driver.frames().map(\.header.requestID) == [0, 9])
    }

    @Test func pingIsAnsweredWithItsNumber() throws {
        let driver = ConnectionDriver()
        driver.feed(Preface.bytes)
        driver.feed([
            Frame(request: GetRequest(key: [1]), requestID: 1),
            Frame(FrameHeader(type: .ping, flags: 0x80, requestID: 42), [1]),
            Frame(request: GetRequest(key: [1]), requestID: 2),
        ])
        let frames = try driver.frames()
        #expect(frames.map(\.header.requestID) == [0, 1, 42, 2])
        #expect(frames[2] == Frame(FrameHeader(type: .ping, flags: FrameFlags.acknowledgement, requestID: 42)))
    }

    @Test func tooLargeARequestIsRefusedAndTheConnectionGoesOn() throws {
        let driver = ConnectionDriver(limits: Self.limits)
        let limit = Self.limits.maxPayloadBytes
        driver.feed(Preface.bytes)
        let largest = SetRequest(key: [1], value: .init(repeating: 2, count: 1000))
        driver.feed([
            Frame(request: largest, requestID: 1),
            Frame(FrameHeader(type: .request, requestID: 2), .init(repeating: 0, count: limit + 1)),
            Frame(request: GetRequest(key: [1]), requestID: 3),
        ])
        let frames = try driver.frames()
        #expect(frames.map(\.header.requestID) == [0, 1, 2, 3])
        #expect(frames[2].error.code == .resourceExhausted)
        #expect(frames[2].error.reason == .tooLarge)
        #expect(frames[3].header.code == 0)
        #expect(!driver.isClosed)
    }

    @Test(arguments: [UInt32.max, UInt32.max - 1, UInt32.max - 15, 0x8000_0000, 0x4000_0001] as [UInt32])
    func lengthsNobodyCanMeanEndTheConnection(length: UInt32) throws {
        for type: UInt8 in [2, 3, 5, 200] {
            var header = FrameHeader(type: .request, requestID: 5)
            header.type = type
            let driver = ConnectionDriver()
            driver.feed(Preface.bytes)
            driver.feed(Frame(header).bytes.withLength(length))
            #expect(driver.isClosed)
            #expect(try driver.frames().map(\.type) == [.hello, .goAway])
        }
    }
}

extension Array where Element == UInt8 {
    /// These bytes of a frame with another payload length in the header.
    func withLength(_ length: UInt32) -> [UInt8] {
        Swift.withUnsafeBytes(of: length.littleEndian) { Array($0) } + dropFirst(4)
    }
}
