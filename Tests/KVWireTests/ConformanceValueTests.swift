import ConformanceVectors
import KVCore
import Testing

/// ttl.json and versions.json: arithmetic that all clients share with the servers.
struct ConformanceValueTests {
    private struct TimeToLiveVectors: Decodable {
        struct Deadline: Decodable {
            let ttlMs: Decimal64<Int64>
            let now: Decimal64<UInt64>
            let expiresAtMs: Decimal64<UInt64>
        }

        struct State: Decodable {
            let expiresAtMs: Decimal64<UInt64>
            let now: Decimal64<UInt64>
            let isExpired: Bool
            let ttlMsRemaining: Decimal64<Int64>?
        }

        let deadlines: [Deadline]
        let states: [State]
        let refusedTtlMs: [Decimal64<Int64>]
    }

    private struct VersionVectors: Decodable {
        struct Parts: Decodable {
            let time: Decimal64<UInt64>
            let writer: Decimal64<UInt64>
            var version: Version { Version(time: time.value, writer: writer.value) }
        }

        struct Time: Decodable {
            let milliseconds: Decimal64<UInt64>
            let counter: UInt16
            let time: Decimal64<UInt64>
        }

        let ascending: [Parts]
        let times: [Time]
    }

    @Test func timesToLive() throws {
        let vectors: TimeToLiveVectors = try Vectors.load("ttl.json")
        for vector in vectors.deadlines {
            let deadline = TimeToLive.deadline(ttlMilliseconds: vector.ttlMs.value, now: vector.now.value)
            #expect(deadline == vector.expiresAtMs.value, "\(vector)")
        }
        for vector in vectors.states {
            let (deadline, now) = (vector.expiresAtMs.value, vector.now.value)
            #expect(TimeToLive.isExpired(deadline: deadline, now: now) == vector.isExpired, "\(vector)")
            if let remaining = vector.ttlMsRemaining {
                #expect(TimeToLive.remainingMilliseconds(deadline: deadline, now: now) == remaining.value, "\(vector)")
            }
        }
        #expect(!vectors.refusedTtlMs.isEmpty && vectors.refusedTtlMs.allSatisfy { $0.value < 0 })
    }

    @Test func versionsAscend() throws {
        let vectors: VersionVectors = try Vectors.load("versions.json")
        let versions = vectors.ascending.map(\.version)
        for (index, version) in versions.enumerated() {
            for later in versions[(index + 1)...] {
                #expect(version < later && !(later < version) && version != later)
            }
        }
        for vector in vectors.times {
            let version = Version(milliseconds: vector.milliseconds.value, counter: vector.counter, writer: 1)
            #expect(version.time == vector.time.value)
            #expect(version.milliseconds == vector.milliseconds.value)
        }
    }
}
