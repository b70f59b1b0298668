import KVCore
import KVWire
import Testing

@testable import KVService

@Suite struct BatchTests {
    @Test func aBatchIsAnsweredInOrder() throws {
        let server = Server()
        var bytes: [UInt8] = []
        for number in 0..<100 {
            let key = Array("key \(number % 7)".utf8)
            bytes += Server.frame(.set, UInt32(2 * number), SetRequest(key: key, value: [UInt8(number)]).encoded())
            bytes += Server.frame(.get, UInt32(2 * number + 1), GetRequest(key: key).encoded())
        }
        let frames = server.exchange(bytes)
        #expect(frames.map(\.header.requestID) == (0..<200).map { UInt32($0) })
        for number in 0..<100 {
            let found: GetResponse = try Server.decode(frames[2 * number + 1])
            #expect(found.value == [UInt8(number)])
        }
    }

    /// Whatever batch and connection they are of, as long as they were there at once.
    @Test func aReplyTellsHowManyWereAnsweredBeforeIt() throws {
        let server = Server()
        let get = GetRequest(key: server.key()).encoded()
        func loads(_ count: Int) -> [UInt32] {
            let bytes = (0..<count).flatMap { Server.frame(.get, UInt32($0), get) }
            return server.exchange(bytes).map(\.header.auxiliary)
        }
        #expect(loads(100) == Array(0..<100))
        #expect(loads(2) == [100, 101])
        server.handler.beginPass()
        #expect(loads(2) == [0, 1])
    }

    /// Two peers of one batch, three seconds ahead: the first one moves the cluster's clock under the second one's feet.
    @Test func peersOfABatchMoveTheClockOnce() throws {
        let server = Server()
        let ahead = server.now + 3000
        let bytes = ["n2", "n3"].enumerated().flatMap { number, name in
            let sender = Sender(node: name, clock: ahead, wallClock: ahead, map: MapMark(epoch: 1))
            let request = ExchangeRequest(sender: sender, entries: [])
            return Server.frame(ExchangeRequest.method, UInt32(number), request.encoded())
        }
        for frame in server.exchange(bytes) {
            let response: ExchangeResponse = try Server.decode(frame)
            #expect(response.sender.wallClock == server.now)
        }
        #expect(server.handler.hello(now: server.now).serverTimeMilliseconds == ahead)
    }

    /// More than a batch holds, of all kinds: found, missing, of another node, without an answer.
    @Test func loneRequestsAreAnsweredAsBatchesOfOne() throws {
        let (together, plain) = (Server(owned: [1, 2]), Server(owned: [1, 2]))
        let requests = (0..<60).map { number in
            let key = together.key(shard: number % 3 + 1, "key \(number / 9)")
            let id = UInt32(number)
            return switch number % 6 {
            case 0, 4: Server.frame(.set, id, SetRequest(key: key, value: [UInt8(number)]).encoded())
            case 1: Server.frame(.delete, id, DeleteRequest(key: key).encoded())
            case 2: Server.frame(.get, id, [0xFF])
            case 3: Server.frame(Method(rawValue: 999), id, [])
            default: Server.frame(.get, id, GetRequest(key: key).encoded())
            }
        }
        for _ in 0..<2 {
            for (request, frame) in zip(requests, together.exchangeEach(requests)) {
                let expected = plain.exchange(request)
                #expect(frame.map(\.header) == expected.map(\.header))
                #expect(frame.map(\.payload) == expected.map(\.payload))
            }
        }
    }

    @Test func allKindsOfRequestsShareABatch() throws {
        let server = Server(owned: [1, 2])
        let key = server.key()
        let bytes =
            Server.frame(.set, 1, SetRequest(key: key, value: [1]).encoded())
            + Server.frame(.getStatus, 2, GetStatusRequest().encoded())
            + Server.frame(.get, 3, [0xFF])
            + Server.frame(Method(rawValue: 0x0501), 4, [])
            + Server.frame(.get, 5, GetRequest(key: server.key(shard: 4)).encoded())
            + Server.frame(.getShardContents, 6, GetShardContentsRequest(shard: 1).encoded())
            + Server.frame(.get, 7, GetRequest(key: key).encoded())
        let codes = server.exchange(bytes).map { StatusCode(rawValue: UInt8($0.header.code & 0xFF)) }
        #expect(codes == [.ok, .ok, .invalidArgument, .unimplemented, .notFound, .ok, .ok])
    }

    /// The decoder's memory holds far less than all of them.
    @Test func largeValuesOfOneReadFillSeveralBatches() throws {
        let server = Server()
        let value = [UInt8](repeating: 3, count: 200_000)
        var bytes: [UInt8] = []
        for number in 0..<10 {
            bytes += Server.frame(.set, UInt32(number), SetRequest(key: [UInt8(number)], value: value).encoded())
        }
        let frames = server.exchange(bytes)
        #expect(frames.count == 10 && frames.allSatisfy { $0.header.code == 0 })
        for number in 0..<10 { #expect(try server.call(GetRequest(key: [UInt8(number)])).value == value) }
    }

    @Test func aFullOutputEndsTheBatch() throws {
        let server = Server()
        let key = server.key()
        _ = try server.call(SetRequest(key: key, value: [UInt8](repeating: 3, count: 1000)))
        var bytes: [UInt8] = []
        for number in 0..<20 { bytes += Server.frame(.get, UInt32(number), GetRequest(key: key).encoded()) }
        #expect(server.exchange(bytes, outputLimit: 1).count == 20)
        let payload = GetRequest(key: key).encoded()
        let output = OutputBuffer()
        let answered = payload.withUnsafeBytes { payload in
            let frame = RequestFrame(method: .get, requestID: 1, timeoutMilliseconds: 0, payload: payload)
            return [frame, frame, frame].withUnsafeBufferPointer {
                server.handler.handle($0, now: server.now, outputLimit: 1500, output: output)
            }
        }
        #expect(answered == 2)
    }
}
