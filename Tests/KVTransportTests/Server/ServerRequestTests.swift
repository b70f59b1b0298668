import Glibc
import KVCore
import KVWire
import Synchronization
import Testing

@testable import KVTransport

/// Requests and replies over real sockets.
struct ServerRequestTests {
    @Test(arguments: [1, 3]) func pipelinedRequestsOfManyConnections(threadCount: Int) throws {
        let server = try TestServer { $0.threadCount = threadCount }
        let clients = try (0..<7).map { _ in try server.client() }
        #expect(server.server.connectionCount == 7)
        for round in 0..<20 {
            for (number, client) in clients.enumerated() {
                try client.send((0..<UInt32(100)).flatMap { TestClient.get("\(number).\(round).\($0)", requestID: $0) })
            }
            for (number, client) in clients.enumerated() {
                for requestID in 0..<UInt32(100) {
                    let frame = try #require(try client.receive())
                    #expect(frame.header.requestID == requestID)
                    #expect(frame.value == Array("\(number).\(round).\(requestID)".utf8))
                }
            }
        }
        #expect(server.counters.requests.load(ordering: .relaxed) == 7 * 20 * 100)
        #expect(server.counters.loops.load(ordering: .relaxed) == threadCount)
    }

    /// Those that come alone wait for each other, while other connections' bytes are read, answered or thrown away.
    @Test func loneRequestsOfManyConnections() throws {
        let server = try TestServer {
            $0.threadCount = 1
            $0.lingerMilliseconds = 60_000
        }
        let clients = try (0..<40).map { _ in try server.client() }
        let stranger = try TestClient(server.address)
        try stranger.send(.init(repeating: 0xAA, count: 100))
        #expect(try stranger.receive()?.header.type == FrameType.goAway.rawValue)
        try eventually("some came in one pass") {
            for (number, client) in clients.enumerated() {
                let request = TestClient.get("key \(number)", requestID: UInt32(number))
                switch number % 4 {
                case 0: try client.send(request + request)
                case 1: try client.send(Array(request.prefix(20)))
                default: try client.send(request)
                }
                if number == 20 { try stranger.send(.init(repeating: 0xAA, count: 4000)) }
            }
            for (number, client) in clients.enumerated() {
                let request = TestClient.get("key \(number)", requestID: UInt32(number))
                if number % 4 == 1 { try client.send(Array(request.dropFirst(20))) }
                for _ in 0..<(number % 4 == 0 ? 2 : 1) {
                    let frame = try #require(try client.receive())
                    #expect(frame.header.requestID == UInt32(number))
                    #expect(frame.value == Array("key \(number)".utf8))
                }
            }
            return server.counters.loneRequests.load(ordering: .relaxed) > 0
        }
    }

    @Test func bytesThatArriveOneByOne() throws {
        let server = try TestServer()
        let client = try TestClient(server.address)
        for byte in Preface.bytes + TestClient.get("a", requestID: 1) + TestClient.get("bc", requestID: 2) {
            try client.send([byte])
            usleep(500)
        }
        #expect(try client.receive()?.header.type == FrameType.hello.rawValue)
        #expect(try client.receive()?.value == Array("a".utf8))
        #expect(try client.receive()?.value == Array("bc".utf8))
    }

    @Test(arguments: 0..<6) func randomPieces(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let server = try TestServer()
        let client = try server.client()
        // Around the sizes where the server changes how it reads.
        let sizes = [0, 1, 100, 4000, 4096, 4200, 65_000, 65_536, 70_000, 262_144, 300_000, 3_000_000].shuffled(
            using: &random
        )
        var stream: [UInt8] = []
        for (number, size) in sizes.enumerated() {
            let request = SetRequest(key: [1], value: .init(repeating: 9, count: size))
            let header = FrameHeader(type: .request, code: Method.set.rawValue, requestID: UInt32(number))
            stream += TestClient.frame(header, request.encoded())
            stream += TestClient.get("after \(size)", requestID: UInt32(100 + number))
        }
        var rest = stream[...]
        while !rest.isEmpty {
            let longest = 1 << Int.random(in: 4...20, using: &random)
            let piece = rest.prefix(.random(in: 1...longest, using: &random))
            try client.send(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        for (number, size) in sizes.enumerated() {
            let reply = try #require(try client.receive())
            #expect(reply.header.requestID == UInt32(number))
            #expect(reply.header.code == 0)
            #expect(try client.receive()?.value == Array("after \(size)".utf8))
        }
        try eventually("nothing is kept") { server.inputBytes == 0 }
    }

    @Test func largeValues() throws {
        let server = try TestServer()
        let client = try server.client()
        let value = [UInt8](repeating: 3, count: 20 << 20)
        let header = FrameHeader(type: .request, code: Method.set.rawValue, requestID: 1)
        try client.send(TestClient.frame(header, SetRequest(key: [1], value: value).encoded()))
        #expect(try client.receive()?.header.code == 0)
        try client.get("big\(20 << 20)", requestID: 3)
        #expect(try client.receive()?.value == value)
        try eventually("the memory is back") { server.inputBytes == 0 && server.outputBytes == 0 }
    }

    /// More than one pass answers, in rounds whose output is of any size; read at once, and only when all is asked.
    @Test(arguments: [1, 1000, 60_000, 65_536, 200_000, 300_000]) func largeAnswersToManyRequests(bytes: Int) throws {
        let server = try TestServer()
        let client = try server.client()
        let count = UInt32(4_000_000 / max(bytes, 10_000))
        for waits in [false, true] {
            try client.send((0..<count).flatMap { TestClient.get("big\(bytes)", requestID: $0) })
            if waits { usleep(50_000) }
            for requestID in 0..<count {
                let frame = try #require(try client.receive())
                #expect(frame.header.requestID == requestID)
                #expect(frame.value == [UInt8](repeating: UInt8(truncatingIfNeeded: requestID), count: bytes))
            }
        }
        try eventually("the memory is back") { server.inputBytes == 0 && server.outputBytes == 0 }
    }

    @Test func whatWasAskedBeforeTheClientStoppedSendingIsAnswered() throws {
        let server = try TestServer()
        let client = try server.client()
        try client.send((0..<UInt32(50)).flatMap { TestClient.get("big100000", requestID: $0) })
        client.endSending()
        for requestID in 0..<UInt32(50) { #expect(try client.receive()?.header.requestID == requestID) }
        #expect(try client.receive() == nil)
        try eventually("the connection is closed") { server.server.connectionCount == 0 }
    }

    @Test func tooLargeARequestLeavesTheConnectionUsable() throws {
        let server = try TestServer { $0.limits = Limits(maxKeyBytes: 10, maxValueBytes: 1000) }
        let client = try server.client()
        let header = FrameHeader(type: .request, code: Method.set.rawValue, requestID: 1)
        try client.send(TestClient.frame(header, .init(repeating: 0, count: 500_000)))
        try client.get("next", requestID: 2)
        let refusal = try #require(try client.receive())
        #expect(refusal.error.code == .resourceExhausted)
        #expect(refusal.error.reason == .tooLarge)
        #expect(try client.receive()?.value == Array("next".utf8))
    }

    @Test func aHandlerIsMaintainedIdleAndBusy() throws {
        let server = try TestServer()
        let maintenances = server.counters
        try eventually("idle") { maintenances.maintenances.load(ordering: .relaxed) > 4 }
        let client = try server.client()
        let before = maintenances.maintenances.load(ordering: .relaxed)
        try eventually("busy") {
            try client.get("x", requestID: 1)
            _ = try client.receive()
            return maintenances.maintenances.load(ordering: .relaxed) > before + 4
        }
    }
}
