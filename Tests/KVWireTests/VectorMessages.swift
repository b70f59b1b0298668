import ConformanceVectors
import KVCore
import KVWire

/// Our messages, made from the fields that a vector names.
enum VectorMessages {
    /// nil = the vectors have a message that is not known here.
    static func make(_ name: String, _ fields: MessageFields) -> (any Message)? {
        switch name {
        case "GetRequest":
            GetRequest(
                key: fields.bytes("key"),
                view: fields.number("view"),
                withMetadata: fields.flag("with_metadata"),
                metadataOnly: fields.flag("metadata_only")
            )
        case "GetResponse":
            GetResponse(
                value: fields.bytes("value"),
                wasFound: fields.flag("was_found"),
                ttlMillisecondsRemaining: fields.number("ttl_ms_remaining"),
                version: fields.version,
                expiresAt: fields.number("expires_at_ms"),
                kind: fields.kind
            )
        case "SetRequest":
            SetRequest(
                key: fields.bytes("key"),
                value: fields.bytes("value"),
                ttlMilliseconds: fields.number("ttl_ms"),
                view: fields.number("view"),
                version: fields.version,
                expiresAt: fields.number("expires_at_ms"),
                opClockMilliseconds: fields.number("op_clock_ms")
            )
        case "DeleteRequest":
            DeleteRequest(
                key: fields.bytes("key"),
                view: fields.number("view"),
                version: fields.version,
                opClockMilliseconds: fields.number("op_clock_ms")
            )
        case "SetResponse", "DeleteResponse":
            MutationResponse(
                superseded: Version(
                    time: fields.number("current_version_time"),
                    writer: fields.number("current_version_writer")
                )
            )
        case "GetShardContentsRequest":
            GetShardContentsRequest(
                shard: fields.number("shard"),
                pageToken: fields.bytes("page_token"),
                maxPageBytes: fields.number("max_page_bytes"),
                withMarkers: fields.flag("with_markers")
            )
        case "GetShardContentsResponse":
            GetShardContentsResponse(
                values: fields.messages("values").map(shardValue),
                nextPageToken: fields.bytes("next_page_token")
            )
        default: makeOther(name, fields)
        }
    }

    private static func makeOther(_ name: String, _ fields: MessageFields) -> (any Message)? {
        switch name {
        case "Hello": hello(fields)
        case "GetStatusRequest": GetStatusRequest()
        case "GetStatusResponse": status(fields)
        case "GetShardMapRequest": GetShardMapRequest()
        case "GetShardMapResponse":
            GetShardMapResponse(json: fields.bytes("json"), epoch: fields.number("epoch"))
        case "View": view(fields)
        case "ProceedRequest": ProceedRequest(shard: fields.number("shard"))
        case "ProceedResponse": ProceedResponse(proceeds: fields.flag("proceeds"))
        default: nil
        }
    }

    static func view(_ fields: MessageFields) -> View {
        View(
            shard: fields.number("shard"),
            epoch: fields.number("epoch"),
            members: members(fields)
        )
    }

    private static func members(_ fields: MessageFields) -> [View.Member] {
        fields.messages("members").map { member in
            View.Member(
                node: member.text("node"),
                address: member.text("address"),
                port: member.number("port"),
                incarnation: member.number("incarnation")
            )
        }
    }

    /// Messages that servers send each other: the vectors set all of their fields, so what a type does not know of is missing
    /// when it encodes what it decoded.
    static let peerTypes: [String: any Message.Type] = [
        "ExchangeRequest": ExchangeRequest.self, "ExchangeResponse": ExchangeResponse.self,
        "ActivateRequest": ActivateRequest.self, "ActivateResponse": ActivateResponse.self,
        "CompareRequest": CompareRequest.self, "CompareResponse": CompareResponse.self,
        "GetDigestsRequest": GetDigestsRequest.self, "GetDigestsResponse": GetDigestsResponse.self,
        "GetVersionsRequest": GetVersionsRequest.self, "GetRecordsRequest": GetRecordsRequest.self,
        "GetChangesRequest": GetChangesRequest.self, "GetChangesResponse": GetChangesResponse.self,
    ]

    private static func hello(_ fields: MessageFields) -> Hello {
        var hello = Hello(
            serverTimeMilliseconds: fields.number("server_time_ms"),
            limits: Limits(
                maxKeyBytes: fields.number("max_key_bytes"),
                maxValueBytes: fields.number("max_value_bytes")
            ),
            node: fields.text("node"),
            serverVersion: fields.text("server_version"),
            mapEpoch: fields.number("map_epoch")
        )
        hello.protocolVersion = fields.number("protocol_version")
        hello.maxPayloadBytes = fields.number("max_payload_bytes")
        return hello
    }

    private static func shardValue(_ fields: MessageFields) -> ShardValue {
        ShardValue(
            key: fields.bytes("key"),
            value: fields.bytes("value"),
            ttlMillisecondsRemaining: fields.number("ttl_ms_remaining"),
            version: fields.version,
            expiresAt: fields.number("expires_at_ms"),
            kind: fields.kind
        )
    }

    private static func status(_ fields: MessageFields) -> GetStatusResponse {
        GetStatusResponse(
            node: fields.text("node"),
            serverVersion: fields.text("server_version"),
            mapEpoch: fields.number("map_epoch"),
            shardCount: fields.number("num_shards"),
            uptimeMilliseconds: fields.number("uptime_ms"),
            memoryBytes: fields.number("memory_bytes"),
            memoryLimitBytes: fields.number("memory_limit_bytes"),
            shards: fields.messages("shards").map { shard in
                var status = ShardStatus(
                    shard: shard.number("shard"),
                    state: shard.state,
                    keys: shard.number("keys"),
                    bytes: shard.number("bytes"),
                    markers: shard.number("markers")
                )
                status.copiedKeys = shard.number("copied_keys")
                status.copiedBytes = shard.number("copied_bytes")
                status.source = shard.text("source")
                status.awaited = shard.texts("awaited")
                status.epoch = shard.number("epoch")
                status.members = members(shard)
                status.sourceKeys = shard.number("source_keys")
                status.sourceBytes = shard.number("source_bytes")
                status.copyElapsedMilliseconds = shard.number("copy_elapsed_ms")
                status.digest = shard.number("digest")
                status.waived = shard.texts("waived")
                return status
            },
            mapError: fields.text("map_error"),
            isDraining: fields.flag("draining"),
            waivedCopies: fields.number("waived_copies")
        )
    }
}

extension MessageFields {
    fileprivate var version: Version {
        Version(time: number("version_time"), writer: number("version_writer"))
    }

    fileprivate var kind: RecordKind {
        switch text("kind") {
        case "DELETED": .deleted
        case "EXPIRED": .expired
        default: .live
        }
    }

    fileprivate var state: ShardState {
        switch text("state") {
        case "JOINING": .joining
        case "SERVING": .serving
        case "LEAVING": .leaving
        case "RECOVERING": .recovering
        default: .absent
        }
    }
}
