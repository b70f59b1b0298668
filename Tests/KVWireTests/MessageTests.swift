import KVCore
import Testing

@testable import KVWire

/// Every message survives the way over the wire, whatever its fields hold.
struct MessageTests {
    private static let everyByte = Array(UInt8.min...UInt8.max)
    /// Empty, a lone zero, zeros around text, every byte value, and one past a varint's first byte of length.
    private static let byteStrings: [[UInt8]] = [[], [0], [0, 65, 0], everyByte, .init(repeating: 0xFF, count: 300)]
    private static let versions = [
        Version.none, Version(time: 1, writer: 0), Version(time: 0, writer: 1), Version(time: .max, writer: .max),
    ]

    private func roundTrip<M: Message & Equatable>(_ message: M) throws {
        let bytes = message.encoded()
        #expect(bytes.count <= message.maxEncodedBytes)
        #expect(try M(decoding: bytes) == message)
        // A field that this version does not know changes nothing: 2000, as a varint, as 8 bytes, as text.
        for unknown: [UInt8] in [[0x80, 0x7D, 5], [0x81, 0x7D, 1, 2, 3, 4, 5, 6, 7, 8], [0x82, 0x7D, 2, 0, 9]] {
            #expect(try M(decoding: unknown + bytes + unknown) == message)
        }
    }

    @Test(arguments: byteStrings) func get(key: [UInt8]) throws {
        for (view, withMetadata, metadataOnly) in [(0, false, false), (UInt64.max, true, false), (1, false, true)] {
            let message = GetRequest(key: key, view: view, withMetadata: withMetadata, metadataOnly: metadataOnly)
            let copy = try GetRequest(decoding: message.encoded())
            #expect(copy.key == key)
            #expect(copy.view == view)
            #expect(copy.withMetadata == withMetadata)
            #expect(copy.metadataOnly == metadataOnly)
        }
        for version in Self.versions {
            for kind in [RecordKind.live, .deleted, .expired] {
                try roundTrip(
                    GetResponse(
                        value: key,
                        wasFound: kind == .live,
                        ttlMillisecondsRemaining: .max,
                        version: version,
                        expiresAt: .max,
                        kind: kind
                    )
                )
            }
        }
        try roundTrip(GetResponse(value: key, wasFound: true))
    }

    @Test(arguments: byteStrings) func set(key: [UInt8]) throws {
        for value in Self.byteStrings {
            for version in Self.versions {
                for ttl in [Int64.min, -1, 0, 1, .max] {
                    let message = SetRequest(
                        key: key,
                        value: value,
                        ttlMilliseconds: ttl,
                        view: 5,
                        version: version,
                        expiresAt: .max,
                        opClockMilliseconds: 7
                    )
                    let bytes = message.encoded()
                    #expect(bytes.count <= message.maxEncodedBytes)
                    let copy = try SetRequest(decoding: bytes)
                    #expect(copy.key == key)
                    #expect(copy.value == value)
                    #expect(copy.ttlMilliseconds == ttl)
                    #expect(copy.view == 5)
                    #expect(copy.version == version)
                    #expect(copy.expiresAt == .max)
                    #expect(copy.opClockMilliseconds == 7)
                }
            }
        }
    }

    @Test(arguments: byteStrings) func delete(key: [UInt8]) throws {
        for version in Self.versions {
            let message = DeleteRequest(key: key, view: .max, version: version, opClockMilliseconds: .max)
            let copy = try DeleteRequest(decoding: message.encoded())
            #expect(copy.key == key)
            #expect(copy.view == .max)
            #expect(copy.version == version)
            #expect(copy.opClockMilliseconds == .max)
            try roundTrip(MutationResponse(superseded: version))
        }
        #expect(MutationResponse().encoded().isEmpty)
    }

    @Test func shardContents() throws {
        for token in Self.byteStrings {
            let request = GetShardContentsRequest(shard: 8, pageToken: token, maxPageBytes: 1 << 20, withMarkers: true)
            let copy = try GetShardContentsRequest(decoding: request.encoded())
            #expect(copy.shard == 8)
            #expect(copy.pageToken == token)
            #expect(copy.maxPageBytes == 1 << 20)
            #expect(copy.withMarkers)
            let values = Self.byteStrings.map { bytes in
                ShardValue(
                    key: bytes,
                    value: bytes.reversed(),
                    ttlMillisecondsRemaining: .max,
                    version: Version(time: .max, writer: 1),
                    expiresAt: .max,
                    kind: bytes.isEmpty ? .expired : .live
                )
            }
            try roundTrip(GetShardContentsResponse(values: values, nextPageToken: token))
        }
        try roundTrip(GetShardContentsResponse(values: []))
    }

    @Test func status() throws {
        #expect(GetStatusRequest().encoded().isEmpty)
        var leaving = ShardStatus(shard: 2, state: .leaving, keys: .max, bytes: 1, markers: 2)
        leaving.awaited = ["n2", "", "n3"]
        var joining = ShardStatus(shard: 3, state: .joining, keys: 0, bytes: 0, markers: 0)
        joining.copiedKeys = 5
        joining.copiedBytes = .max
        joining.source = "n4"
        try roundTrip(
            GetStatusResponse(
                node: "n1",
                serverVersion: "1.0.0",
                mapEpoch: .max,
                shardCount: 10,
                uptimeMilliseconds: 1,
                memoryBytes: 2,
                memoryLimitBytes: 3,
                shards: [leaving, joining, ShardStatus(shard: 4, state: .serving, keys: 1, bytes: 1, markers: 1)],
                mapError: "shard 0: not in 1…10",
                isDraining: true,
                waivedCopies: 9
            )
        )
    }

    private let sender = Sender(
        node: "n1",
        clock: .max,
        wallClock: 1,
        map: MapMark(epoch: 4, fingerprint: .max)
    )
    private let configuration = Configuration(epoch: .max, members: ["n3", "n1"])

    @Test func replicas() throws {
        var replica = ReplicaStatus(shard: 300_000, incarnation: .max)
        try roundTrip(ExchangeResponse(sender: sender, replicas: [replica]))
        replica.configuration = configuration
        replica.isActive = true
        replica.wasEverActive = true
        replica.remembersAfter = 7
        replica.promised = configuration
        replica.activated = [Configuration(epoch: 1, members: []), configuration]
        replica.incarnations = ["n1": 1, "n3": .max]
        replica.isRecovering = true
        replica.hasData = true
        replica.target = configuration
        replica.hasCopied = true
        replica.droppedEpoch = 2
        replica.coversRecipient = 3
        replica.keys = 4
        replica.bytes = .max
        replica.beganEmptyWith = ["n1": 5]
        replica.waived = ["n2", "n3"]
        try roundTrip(ExchangeResponse(sender: sender, replicas: [replica]))
        try roundTrip(ExchangeRequest(sender: sender, entries: [.init(replica: replica, seals: true)]))
    }

    @Test func peerMessages() throws {
        try roundTrip(ActivateRequest(sender: sender, entries: [.init(shard: 1, configuration: configuration)]))
        try roundTrip(
            ActivateResponse(
                sender: sender,
                entries: [.init(shard: 1, isRecorded: true, incarnation: .max, highest: configuration)]
            )
        )
        try roundTrip(
            CompareRequest(sender: sender, entries: [.init(shard: 1, epoch: .max, digest: 2, syncedAt: 3)])
        )
        try roundTrip(CompareResponse(sender: sender, entries: [.init(shard: 1, epoch: 2, isEqual: true)]))
        try roundTrip(GetDigestsRequest(shard: 1, cutoff: .max))
        try roundTrip(GetDigestsResponse(digests: [1, .max, 0, 0x0123_4567_89AB_CDEF], clock: 9))
        try roundTrip(
            GetVersionsRequest(shard: 1, buckets: [0xFF, 0], pageToken: [1], maxPageBytes: 2, markersSince: .max)
        )
        try roundTrip(GetRecordsRequest(shard: 1, keys: [[0], [1, 2]], versionsOnly: true, maxBytes: 3))
        try roundTrip(GetChangesRequest(shard: 1, since: [1], pageToken: [2, 0], maxPageBytes: 3, cutoff: .max))
        let change = ShardValue(
            key: [0],
            value: [],
            ttlMillisecondsRemaining: 0,
            version: Version(time: 4, writer: .max),
            expiresAt: 5,
            kind: .deleted
        )
        try roundTrip(
            GetChangesResponse(
                values: [change],
                nextPageToken: [1],
                mark: [2, 0],
                isComplete: true,
                root: .max,
                clock: 3
            )
        )
    }

    @Test func topologyMessages() throws {
        try roundTrip(GetShardMapResponse(json: Array("{}".utf8), epoch: .max))
        try roundTrip(ProceedRequest(shard: 3))
        try roundTrip(ProceedResponse(proceeds: true))
        try roundTrip(View(shard: 3, epoch: 4, members: [.init(node: "n1", address: "a", port: 1, incarnation: .max)]))
    }

    @Test func hello() throws {
        try roundTrip(
            Hello(
                serverTimeMilliseconds: 1_700_000_000_000,
                limits: Limits(maxKeyBytes: 1, maxValueBytes: 2),
                node: "n1",
                serverVersion: "1.0.0",
                mapEpoch: .max
            )
        )
    }

    @Test func textEndsAtAZeroByte() throws {
        let hello = Hello(serverTimeMilliseconds: 0, limits: Limits(), node: "a\0b", serverVersion: "", mapEpoch: 0)
        #expect(try Hello(decoding: hello.encoded()).node == "a")
    }

    @Test func malformedPayloadsAreInvalidArgument() {
        // A length that reaches past the end; a group, which proto3 has not; a varint without end.
        for bytes: [UInt8] in [[0x0A, 5, 1], [0x0B], [0x08] + .init(repeating: 0xFF, count: 11)] {
            #expect(throws: RPCError.self) { try SetRequest(decoding: bytes) }
            #expect(throws: RPCError.self) { try ExchangeRequest(decoding: bytes) }
        }
    }
}
