import KVCore
import KVSharding
import KVStorage
import KVWire
import Testing

@testable import KVService

@Suite struct RequestTests {
    private func code(_ body: () throws -> Any) -> (StatusCode, Reason)? {
        do {
            _ = try body()
            return nil
        } catch {
            guard let error = error as? RPCError else { return nil }
            return (error.code, error.reason)
        }
    }

    private func expect(_ code: StatusCode, _ reason: Reason = .none, _ body: () throws -> Any) {
        let found = self.code(body)
        #expect(found?.0 == code)
        #expect(found?.1 == reason)
    }

    @Test func setThenGetThenDelete() throws {
        let server = Server()
        let key = server.key()
        #expect(try server.call(GetRequest(key: key)).wasFound == false)
        #expect(try server.call(SetRequest(key: key, value: [1, 0, 2])).superseded.isNone)
        let found = try server.call(GetRequest(key: key))
        #expect(found == GetResponse(value: [1, 0, 2], wasFound: true))
        #expect(try server.call(DeleteRequest(key: key)).superseded.isNone)
        #expect(try server.call(GetRequest(key: key)).wasFound == false)
        #expect(try server.call(DeleteRequest(key: key)).superseded.isNone)
    }

    @Test func anEmptyValueIsFound() throws {
        let server = Server()
        _ = try server.call(SetRequest(key: server.key(), value: []))
        #expect(try server.call(GetRequest(key: server.key())) == GetResponse(wasFound: true))
    }

    @Test func faultyRequestsAreRefused() throws {
        let server = Server()
        let long = [UInt8](repeating: 7, count: 101)
        expect(.invalidArgument) { try server.call(GetRequest(key: [])) }
        expect(.invalidArgument) { try server.call(SetRequest(key: [], value: [1])) }
        expect(.invalidArgument) { try server.call(DeleteRequest(key: [])) }
        expect(.invalidArgument) { try server.call(GetRequest(key: long)) }
        expect(.invalidArgument) { try server.call(SetRequest(key: long, value: [])) }
        expect(.invalidArgument) { try server.call(DeleteRequest(key: long)) }
        expect(.invalidArgument) {
            try server.call(SetRequest(key: [1], value: [UInt8](repeating: 0, count: 1 << 20 | 1)))
        }
        expect(.invalidArgument) { try server.call(SetRequest(key: [1], value: [], ttlMilliseconds: -1)) }
        let error = #expect(throws: RPCError.self) { try server.call(GetRequest(key: long)) }
        #expect(error?.message.contains("101") == true && error?.message.contains("100") == true)
    }

    @Test func malformedPayloadsAndUnknownMethodsAreAnswered() {
        let server = Server()
        for method in [Method.get, .set, .delete, .getShardContents, .exchange, .activate, .compare] {
            let frames = server.exchange(Server.frame(method, 9, [0xFF, 0xFF, 0xFF]))
            #expect(frames.first?.header.requestID == 9)
            #expect(frames.first.map { $0.header.code & 0xFF } == UInt16(StatusCode.invalidArgument.rawValue))
        }
        let frames = server.exchange(Server.frame(Method(rawValue: 0x0777), 3, []))
        let error = #expect(throws: RPCError.self) { () -> GetResponse in try Server.decode(frames[0]) }
        #expect(error?.code == .unimplemented)
        #expect(error?.message.contains("777") == true)
    }

    @Test func everyMethodOfTheDescriptorsIsAnswered() {
        let server = Server()
        for (method, name) in Method.all {
            let frames = server.exchange(Server.frame(method, 1, []))
            #expect(frames[0].header.code & 0xFF != UInt16(StatusCode.unimplemented.rawValue), "\(name)")
        }
    }

    @Test func aShardOfAnotherNodeIsNotFound() {
        let server = Server(owned: [1, 2])
        let key = server.key(shard: 3)
        expect(.notFound, .notHosted) { try server.call(GetRequest(key: key)) }
        expect(.notFound, .notHosted) { try server.call(SetRequest(key: key, value: [])) }
        expect(.notFound, .notHosted) { try server.call(DeleteRequest(key: key)) }
        for shard in [3, 0, -1, 5, 1 << 30] {
            expect(.notFound, .notHosted) { try server.call(GetShardContentsRequest(shard: shard)) }
        }
        let error = #expect(throws: RPCError.self) { try server.call(GetRequest(key: key)) }
        #expect(error?.view?.members.map(\.node) == ["n2"])
    }

    // MARK: Time

    @Test func timeToLiveEndsAndIsRoundedUp() throws {
        let server = Server()
        let key = server.key()
        _ = try server.call(SetRequest(key: key, value: [1], ttlMilliseconds: 500))
        server.now += 499
        let found = try server.call(GetRequest(key: key, withMetadata: true))
        #expect(found.ttlMillisecondsRemaining == 1)
        #expect(found.expiresAt == server.now + 1)
        server.now += 1
        let gone = try server.call(GetRequest(key: key, withMetadata: true))
        #expect(!gone.wasFound && gone.value.isEmpty && gone.kind == .expired && gone.version == found.version)
    }

    @Test func timeToLiveZeroIsForeverAndTheLargestSaturates() throws {
        let server = Server()
        let key = server.key()
        for ttl in [0, Int64.max] {
            _ = try server.call(SetRequest(key: key, value: [1], ttlMilliseconds: ttl))
            let found = try server.call(GetRequest(key: key, withMetadata: true))
            #expect(found.wasFound)
            #expect(found.ttlMillisecondsRemaining == (ttl == 0 ? 0 : ttl))
        }
    }

    @Test func anAbsoluteDeadlineGoesBeforeTheTimeToLive() throws {
        let server = Server()
        let key = server.key()
        let request = SetRequest(key: key, value: [1], ttlMilliseconds: 5, expiresAt: server.now + 50)
        _ = try server.call(request)
        server.now += 49
        #expect(try server.call(GetRequest(key: key)).wasFound)
        server.now += 1
        #expect(try server.call(GetRequest(key: key)).wasFound == false)
    }

    // MARK: Versions

    @Test func theGreatestVersionStays() throws {
        let server = Server()
        let key = server.key()
        let low = Version(milliseconds: server.now, writer: 1)
        let high = Version(milliseconds: server.now, writer: 2)
        _ = try server.call(SetRequest(key: key, value: [2], version: high))
        #expect(try server.call(SetRequest(key: key, value: [1], version: low)).superseded == high)
        #expect(try server.call(DeleteRequest(key: key, version: low)).superseded == high)
        #expect(try server.call(SetRequest(key: key, value: [2], version: high)).superseded.isNone)
        let found = try server.call(GetRequest(key: key, metadataOnly: true))
        #expect(found.version == high && found.wasFound && found.value.isEmpty)
    }

    @Test func aDeleteIsNotUndoneByAnOlderWrite() throws {
        let server = Server()
        let key = server.key()
        let deletion = Version(milliseconds: server.now, counter: 5, writer: 1)
        _ = try server.call(DeleteRequest(key: key, version: deletion))
        let older = Version(milliseconds: server.now, counter: 4, writer: 1)
        #expect(try server.call(SetRequest(key: key, value: [1], version: older)).superseded == deletion)
        #expect(try server.call(GetRequest(key: key)).wasFound == false)
    }

    /// Whatever clock the writer before had, and whichever handler it met.
    @Test func theServersStampWinsOverWhatIsInPlace() throws {
        let server = Server()
        let key = server.key()
        let ahead = Version(milliseconds: server.now + 1900, writer: 9)
        _ = try server.call(SetRequest(key: key, value: [1], version: ahead))
        #expect(try server.call(SetRequest(key: key, value: [2])).superseded.isNone)
        #expect(try server.call(GetRequest(key: key)).value == [2])
        server.now -= 500
        #expect(try server.call(DeleteRequest(key: key)).superseded.isNone)
        #expect(try server.call(GetRequest(key: key)).wasFound == false)
    }

    @Test func aVersionAheadOfTheClockIsRefused() throws {
        let server = Server()
        let key = server.key()
        let future = Version(milliseconds: server.now + 2001, writer: 1)
        let error = #expect(throws: RPCError.self) {
            try server.call(SetRequest(key: key, value: [1], version: future))
        }
        #expect(error?.code == .outOfRange && error?.reason == .future)
        #expect(error?.serverTimeMilliseconds == server.now)
        let allowed = Version(milliseconds: server.now + 2000, writer: 1)
        _ = try server.call(SetRequest(key: key, value: [1], version: allowed))
        server.now -= 1000
        // Now even what is in place is ahead: it may be repeated, and followed by the next.
        _ = try server.call(SetRequest(key: key, value: [1], version: allowed))
        _ = try server.call(SetRequest(key: key, value: [2], version: Version(time: allowed.time + 1, writer: 1)))
        expect(.outOfRange, .future) {
            try server.call(SetRequest(key: key, value: [3], version: Version(time: allowed.time + 3, writer: 1)))
        }
    }

    // MARK: Memory

    @Test func aFullNodeRefusesValuesAndServesTheRest() throws {
        let server = Server(memoryLimitBytes: 8 << 20)
        let value = [UInt8](repeating: 1, count: 100_000)
        var keys: [[UInt8]] = []
        expect(.resourceExhausted, .memoryFull) {
            for number in 0..<1000 {
                let key = Array("key \(number)".utf8)
                _ = try server.call(SetRequest(key: key, value: value))
                keys.append(key)
            }
            return ()
        }
        #expect(keys.count > 40)
        #expect(try server.call(GetRequest(key: keys[0])).value == value)
        _ = try server.call(SetRequest(key: keys[0], value: Array(value.prefix(99_990))))
        _ = try server.call(DeleteRequest(key: keys[1]))
        _ = try server.call(DeleteRequest(key: keys[2]))
        _ = try server.call(SetRequest(key: keys[1], value: value))
    }

    @Test func expiredValuesGiveTheirMemoryBackUnasked() throws {
        let server = Server()
        let value = [UInt8](repeating: 1, count: 1 << 20)
        for number in 0..<100 {
            _ = try server.call(SetRequest(key: Array("\(number)".utf8), value: value, ttlMilliseconds: 1000))
        }
        let full = server.node.pool.allocatedBytes
        #expect(full > 100 << 20)
        maintain(server, milliseconds: 9000)
        #expect(server.node.pool.allocatedBytes < full / 5)
    }

    @Test func anIdleNodeSleeps() {
        let server = Server()
        maintain(server, milliseconds: 20_000)
        #expect(maintain(server, milliseconds: 20_000) <= 40)
    }

    /// Calls `maintain` as often as it wants; returns how often that was.
    @discardableResult
    private func maintain(_ server: Server, milliseconds: UInt64) -> Int {
        let end = server.now + milliseconds
        var calls = 0
        while server.now < end {
            server.now += UInt64(max(1, server.handler.maintain(now: server.now)))
            calls += 1
        }
        return calls
    }
}
