import KVCore
import Testing

@testable import KVWire

/// A small payload may not make the decoder take much memory.
struct HostileMessageTests {
    private func isFull(_ payload: [UInt8]) -> Bool {
        let decoder = RequestDecoder(arenaBytes: 4096)
        decoder.reset(firstPayloadBytes: payload.count)
        return payload.withUnsafeBytes { payload in
            decoder.get(payload) == nil && decoder.isFull
        }
    }

    @Test func floodOfUnknownFieldsEndsInTheArena() {
        let flood = [UInt8]((0..<100_000).flatMap { _ in [0x78, 0] as [UInt8] })
        #expect(isFull(flood))
    }

    @Test func fewUnknownFieldsFit() throws {
        let key = GetRequest(key: Array("apple".utf8)).encoded()
        let some = [UInt8]((0..<300).flatMap { _ in [0x7A, 3, 1, 2, 3] as [UInt8] })
        #expect(try GetRequest(decoding: some + key + some.prefix(5)).key == Array("apple".utf8))
    }

    @Test func repeatedKeyLastOneCounts() throws {
        let first = GetRequest(key: [1, 2, 3]).encoded()
        let second = GetRequest(key: [4]).encoded()
        #expect(try GetRequest(decoding: first + second).key == [4])
    }

    @Test func nestedEmptyMessagesAreRefusedBeforeTheyTakeMuch() {
        // Two bytes each, a struct of more than a hundred: a million would take a quarter of a GiB.
        let flood = [UInt8]((0..<1_000_000).flatMap { _ in [0x0A, 0] as [UInt8] })
        #expect(throws: RPCError.self) { try GetShardContentsResponse(decoding: flood) }
    }

    @Test func manySmallRecordsStillDecode() throws {
        let record = ShardValue(
            key: Array("key".utf8),
            value: [],
            ttlMillisecondsRemaining: 0,
            version: Version(time: 1, writer: 1),
            expiresAt: 0,
            kind: .live
        )
        let page = GetShardContentsResponse(values: Array(repeating: record, count: 30_000))
        #expect(try GetShardContentsResponse(decoding: page.encoded()) == page)
    }

    @Test func arenaGivesBackWhatOnlyOneBatchNeeded() {
        let arena = Arena(capacity: 1024)
        arena.reset(capacity: 1 << 20)
        #expect(arena.allocate(UInt8.self, count: 1 << 20) != nil)
        #expect(arena.allocate(UInt8.self, count: 1) == nil)
        #expect(arena.isOverflown)
        arena.reset()
        #expect(!arena.isOverflown)
        #expect(arena.isEmpty)
        #expect(arena.allocate(UInt8.self, count: 1024) != nil)
        #expect(arena.allocate(UInt8.self, count: 1) == nil)
    }
}
