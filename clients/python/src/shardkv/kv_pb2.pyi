from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

ABSENT: ShardState
DELETED: RecordKind
DESCRIPTOR: _descriptor.FileDescriptor
EXPIRED: RecordKind
JOINING: ShardState
LEAVING: ShardState
LIVE: RecordKind
RECOVERING: ShardState
SERVING: ShardState

class ActivateRequest(_message.Message):
    __slots__ = ["entries", "sender"]
    class Entry(_message.Message):
        __slots__ = ["configuration", "shard"]
        CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
        SHARD_FIELD_NUMBER: _ClassVar[int]
        configuration: Configuration
        shard: int
        def __init__(self, shard: _Optional[int] = ..., configuration: _Optional[_Union[Configuration, _Mapping]] = ...) -> None: ...
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ActivateRequest.Entry]
    sender: Sender
    def __init__(self, sender: _Optional[_Union[Sender, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[ActivateRequest.Entry, _Mapping]]] = ...) -> None: ...

class ActivateResponse(_message.Message):
    __slots__ = ["entries", "sender"]
    class Entry(_message.Message):
        __slots__ = ["highest", "incarnation", "recorded", "shard"]
        HIGHEST_FIELD_NUMBER: _ClassVar[int]
        INCARNATION_FIELD_NUMBER: _ClassVar[int]
        RECORDED_FIELD_NUMBER: _ClassVar[int]
        SHARD_FIELD_NUMBER: _ClassVar[int]
        highest: Configuration
        incarnation: int
        recorded: bool
        shard: int
        def __init__(self, shard: _Optional[int] = ..., recorded: bool = ..., incarnation: _Optional[int] = ..., highest: _Optional[_Union[Configuration, _Mapping]] = ...) -> None: ...
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ActivateResponse.Entry]
    sender: Sender
    def __init__(self, sender: _Optional[_Union[Sender, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[ActivateResponse.Entry, _Mapping]]] = ...) -> None: ...

class CompareRequest(_message.Message):
    __slots__ = ["entries", "sender"]
    class Entry(_message.Message):
        __slots__ = ["digest", "epoch", "shard", "synced_ms"]
        DIGEST_FIELD_NUMBER: _ClassVar[int]
        EPOCH_FIELD_NUMBER: _ClassVar[int]
        SHARD_FIELD_NUMBER: _ClassVar[int]
        SYNCED_MS_FIELD_NUMBER: _ClassVar[int]
        digest: int
        epoch: int
        shard: int
        synced_ms: int
        def __init__(self, shard: _Optional[int] = ..., epoch: _Optional[int] = ..., digest: _Optional[int] = ..., synced_ms: _Optional[int] = ...) -> None: ...
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[CompareRequest.Entry]
    sender: Sender
    def __init__(self, sender: _Optional[_Union[Sender, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[CompareRequest.Entry, _Mapping]]] = ...) -> None: ...

class CompareResponse(_message.Message):
    __slots__ = ["entries", "sender"]
    class Entry(_message.Message):
        __slots__ = ["epoch", "equal", "shard"]
        EPOCH_FIELD_NUMBER: _ClassVar[int]
        EQUAL_FIELD_NUMBER: _ClassVar[int]
        SHARD_FIELD_NUMBER: _ClassVar[int]
        epoch: int
        equal: bool
        shard: int
        def __init__(self, shard: _Optional[int] = ..., epoch: _Optional[int] = ..., equal: bool = ...) -> None: ...
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[CompareResponse.Entry]
    sender: Sender
    def __init__(self, sender: _Optional[_Union[Sender, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[CompareResponse.Entry, _Mapping]]] = ...) -> None: ...

class Configuration(_message.Message):
    __slots__ = ["epoch", "members"]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    members: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, epoch: _Optional[int] = ..., members: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ["key", "op_clock_ms", "version_time", "version_writer", "view"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    OP_CLOCK_MS_FIELD_NUMBER: _ClassVar[int]
    VERSION_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_WRITER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    op_clock_ms: int
    version_time: int
    version_writer: int
    view: int
    def __init__(self, key: _Optional[bytes] = ..., view: _Optional[int] = ..., version_time: _Optional[int] = ..., version_writer: _Optional[int] = ..., op_clock_ms: _Optional[int] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ["current_version_time", "current_version_writer"]
    CURRENT_VERSION_TIME_FIELD_NUMBER: _ClassVar[int]
    CURRENT_VERSION_WRITER_FIELD_NUMBER: _ClassVar[int]
    current_version_time: int
    current_version_writer: int
    def __init__(self, current_version_time: _Optional[int] = ..., current_version_writer: _Optional[int] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ["message", "server_time_ms", "view"]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    message: str
    server_time_ms: int
    view: View
    def __init__(self, message: _Optional[str] = ..., server_time_ms: _Optional[int] = ..., view: _Optional[_Union[View, _Mapping]] = ...) -> None: ...

class ExchangeRequest(_message.Message):
    __slots__ = ["entries", "sender"]
    class Entry(_message.Message):
        __slots__ = ["replica", "seal"]
        REPLICA_FIELD_NUMBER: _ClassVar[int]
        SEAL_FIELD_NUMBER: _ClassVar[int]
        replica: Replica
        seal: bool
        def __init__(self, replica: _Optional[_Union[Replica, _Mapping]] = ..., seal: bool = ...) -> None: ...
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ExchangeRequest.Entry]
    sender: Sender
    def __init__(self, sender: _Optional[_Union[Sender, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[ExchangeRequest.Entry, _Mapping]]] = ...) -> None: ...

class ExchangeResponse(_message.Message):
    __slots__ = ["replicas", "sender"]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    replicas: _containers.RepeatedCompositeFieldContainer[Replica]
    sender: Sender
    def __init__(self, sender: _Optional[_Union[Sender, _Mapping]] = ..., replicas: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ...) -> None: ...

class GetChangesRequest(_message.Message):
    __slots__ = ["cutoff_ms", "max_page_bytes", "page_token", "shard", "since"]
    CUTOFF_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    cutoff_ms: int
    max_page_bytes: int
    page_token: bytes
    shard: int
    since: bytes
    def __init__(self, shard: _Optional[int] = ..., since: _Optional[bytes] = ..., page_token: _Optional[bytes] = ..., max_page_bytes: _Optional[int] = ..., cutoff_ms: _Optional[int] = ...) -> None: ...

class GetChangesResponse(_message.Message):
    __slots__ = ["clock_ms", "complete", "mark", "next_page_token", "root", "values"]
    CLOCK_MS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    clock_ms: int
    complete: bool
    mark: bytes
    next_page_token: bytes
    root: int
    values: _containers.RepeatedCompositeFieldContainer[GetShardContentsResponse.GetShardValue]
    def __init__(self, values: _Optional[_Iterable[_Union[GetShardContentsResponse.GetShardValue, _Mapping]]] = ..., next_page_token: _Optional[bytes] = ..., mark: _Optional[bytes] = ..., complete: bool = ..., root: _Optional[int] = ..., clock_ms: _Optional[int] = ...) -> None: ...

class GetDigestsRequest(_message.Message):
    __slots__ = ["cutoff_ms", "shard"]
    CUTOFF_MS_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    cutoff_ms: int
    shard: int
    def __init__(self, shard: _Optional[int] = ..., cutoff_ms: _Optional[int] = ...) -> None: ...

class GetDigestsResponse(_message.Message):
    __slots__ = ["clock_ms", "digests"]
    CLOCK_MS_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    clock_ms: int
    digests: bytes
    def __init__(self, digests: _Optional[bytes] = ..., clock_ms: _Optional[int] = ...) -> None: ...

class GetRecordsRequest(_message.Message):
    __slots__ = ["keys", "max_bytes", "shard", "versions_only"]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_ONLY_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    max_bytes: int
    shard: int
    versions_only: bool
    def __init__(self, shard: _Optional[int] = ..., keys: _Optional[_Iterable[bytes]] = ..., versions_only: bool = ..., max_bytes: _Optional[int] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ["key", "metadata_only", "view", "with_metadata"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    METADATA_ONLY_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    WITH_METADATA_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    metadata_only: bool
    view: int
    with_metadata: bool
    def __init__(self, key: _Optional[bytes] = ..., view: _Optional[int] = ..., with_metadata: bool = ..., metadata_only: bool = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ["expires_at_ms", "kind", "ttl_ms_remaining", "value", "version_time", "version_writer", "was_found"]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TTL_MS_REMAINING_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VERSION_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_WRITER_FIELD_NUMBER: _ClassVar[int]
    WAS_FOUND_FIELD_NUMBER: _ClassVar[int]
    expires_at_ms: int
    kind: RecordKind
    ttl_ms_remaining: int
    value: bytes
    version_time: int
    version_writer: int
    was_found: bool
    def __init__(self, value: _Optional[bytes] = ..., was_found: bool = ..., ttl_ms_remaining: _Optional[int] = ..., version_time: _Optional[int] = ..., version_writer: _Optional[int] = ..., expires_at_ms: _Optional[int] = ..., kind: _Optional[_Union[RecordKind, str]] = ...) -> None: ...

class GetShardContentsRequest(_message.Message):
    __slots__ = ["max_page_bytes", "page_token", "shard", "view", "with_markers"]
    MAX_PAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    WITH_MARKERS_FIELD_NUMBER: _ClassVar[int]
    max_page_bytes: int
    page_token: bytes
    shard: int
    view: int
    with_markers: bool
    def __init__(self, shard: _Optional[int] = ..., page_token: _Optional[bytes] = ..., max_page_bytes: _Optional[int] = ..., with_markers: bool = ..., view: _Optional[int] = ...) -> None: ...

class GetShardContentsResponse(_message.Message):
    __slots__ = ["next_page_token", "values"]
    class GetShardValue(_message.Message):
        __slots__ = ["expires_at_ms", "key", "kind", "ttl_ms_remaining", "value", "version_time", "version_writer"]
        EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
        KEY_FIELD_NUMBER: _ClassVar[int]
        KIND_FIELD_NUMBER: _ClassVar[int]
        TTL_MS_REMAINING_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        VERSION_TIME_FIELD_NUMBER: _ClassVar[int]
        VERSION_WRITER_FIELD_NUMBER: _ClassVar[int]
        expires_at_ms: int
        key: bytes
        kind: RecordKind
        ttl_ms_remaining: int
        value: bytes
        version_time: int
        version_writer: int
        def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ..., ttl_ms_remaining: _Optional[int] = ..., version_time: _Optional[int] = ..., version_writer: _Optional[int] = ..., expires_at_ms: _Optional[int] = ..., kind: _Optional[_Union[RecordKind, str]] = ...) -> None: ...
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    next_page_token: bytes
    values: _containers.RepeatedCompositeFieldContainer[GetShardContentsResponse.GetShardValue]
    def __init__(self, values: _Optional[_Iterable[_Union[GetShardContentsResponse.GetShardValue, _Mapping]]] = ..., next_page_token: _Optional[bytes] = ...) -> None: ...

class GetShardMapRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetShardMapResponse(_message.Message):
    __slots__ = ["epoch", "json"]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    json: bytes
    def __init__(self, json: _Optional[bytes] = ..., epoch: _Optional[int] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ["draining", "map_epoch", "map_error", "memory_bytes", "memory_limit_bytes", "node", "num_shards", "server_version", "shards", "uptime_ms", "waived_copies"]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    MAP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    MAP_ERROR_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    NUM_SHARDS_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_MS_FIELD_NUMBER: _ClassVar[int]
    WAIVED_COPIES_FIELD_NUMBER: _ClassVar[int]
    draining: bool
    map_epoch: int
    map_error: str
    memory_bytes: int
    memory_limit_bytes: int
    node: str
    num_shards: int
    server_version: str
    shards: _containers.RepeatedCompositeFieldContainer[ShardStatus]
    uptime_ms: int
    waived_copies: int
    def __init__(self, node: _Optional[str] = ..., server_version: _Optional[str] = ..., map_epoch: _Optional[int] = ..., num_shards: _Optional[int] = ..., uptime_ms: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., memory_limit_bytes: _Optional[int] = ..., shards: _Optional[_Iterable[_Union[ShardStatus, _Mapping]]] = ..., map_error: _Optional[str] = ..., draining: bool = ..., waived_copies: _Optional[int] = ...) -> None: ...

class GetVersionsRequest(_message.Message):
    __slots__ = ["buckets", "markers_since_ms", "max_page_bytes", "page_token", "shard"]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    MARKERS_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    buckets: bytes
    markers_since_ms: int
    max_page_bytes: int
    page_token: bytes
    shard: int
    def __init__(self, shard: _Optional[int] = ..., buckets: _Optional[bytes] = ..., page_token: _Optional[bytes] = ..., max_page_bytes: _Optional[int] = ..., markers_since_ms: _Optional[int] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ["map_epoch", "max_key_bytes", "max_payload_bytes", "max_value_bytes", "node", "protocol_version", "server_time_ms", "server_version"]
    MAP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    MAX_KEY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_VALUE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    map_epoch: int
    max_key_bytes: int
    max_payload_bytes: int
    max_value_bytes: int
    node: str
    protocol_version: int
    server_time_ms: int
    server_version: str
    def __init__(self, server_time_ms: _Optional[int] = ..., protocol_version: _Optional[int] = ..., max_key_bytes: _Optional[int] = ..., max_value_bytes: _Optional[int] = ..., max_payload_bytes: _Optional[int] = ..., node: _Optional[str] = ..., server_version: _Optional[str] = ..., map_epoch: _Optional[int] = ...) -> None: ...

class Incarnation(_message.Message):
    __slots__ = ["node", "number"]
    NODE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    node: str
    number: int
    def __init__(self, node: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ["address", "incarnation", "node", "port"]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    address: str
    incarnation: int
    node: str
    port: int
    def __init__(self, node: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., incarnation: _Optional[int] = ...) -> None: ...

class ProceedRequest(_message.Message):
    __slots__ = ["shard"]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    shard: int
    def __init__(self, shard: _Optional[int] = ...) -> None: ...

class ProceedResponse(_message.Message):
    __slots__ = ["proceeds"]
    PROCEEDS_FIELD_NUMBER: _ClassVar[int]
    proceeds: bool
    def __init__(self, proceeds: bool = ...) -> None: ...

class Replica(_message.Message):
    __slots__ = ["activated", "active", "began_empty_with", "bytes", "configuration", "copied", "covers_recipient", "dropped_epoch", "ever_active", "has_data", "incarnation", "incarnations", "keys", "promised", "recovering", "remembers_after", "shard", "target", "waived"]
    ACTIVATED_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    BEGAN_EMPTY_WITH_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    COPIED_FIELD_NUMBER: _ClassVar[int]
    COVERS_RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_EPOCH_FIELD_NUMBER: _ClassVar[int]
    EVER_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    HAS_DATA_FIELD_NUMBER: _ClassVar[int]
    INCARNATIONS_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    RECOVERING_FIELD_NUMBER: _ClassVar[int]
    REMEMBERS_AFTER_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WAIVED_FIELD_NUMBER: _ClassVar[int]
    activated: _containers.RepeatedCompositeFieldContainer[Configuration]
    active: bool
    began_empty_with: _containers.RepeatedCompositeFieldContainer[Incarnation]
    bytes: int
    configuration: Configuration
    copied: bool
    covers_recipient: int
    dropped_epoch: int
    ever_active: bool
    has_data: bool
    incarnation: int
    incarnations: _containers.RepeatedCompositeFieldContainer[Incarnation]
    keys: int
    promised: Configuration
    recovering: bool
    remembers_after: int
    shard: int
    target: Configuration
    waived: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, shard: _Optional[int] = ..., incarnation: _Optional[int] = ..., configuration: _Optional[_Union[Configuration, _Mapping]] = ..., active: bool = ..., ever_active: bool = ..., remembers_after: _Optional[int] = ..., promised: _Optional[_Union[Configuration, _Mapping]] = ..., activated: _Optional[_Iterable[_Union[Configuration, _Mapping]]] = ..., incarnations: _Optional[_Iterable[_Union[Incarnation, _Mapping]]] = ..., recovering: bool = ..., has_data: bool = ..., target: _Optional[_Union[Configuration, _Mapping]] = ..., copied: bool = ..., dropped_epoch: _Optional[int] = ..., covers_recipient: _Optional[int] = ..., keys: _Optional[int] = ..., bytes: _Optional[int] = ..., began_empty_with: _Optional[_Iterable[_Union[Incarnation, _Mapping]]] = ..., waived: _Optional[_Iterable[str]] = ...) -> None: ...

class Sender(_message.Message):
    __slots__ = ["clock_ms", "map_epoch", "map_fingerprint", "node", "wall_ms"]
    CLOCK_MS_FIELD_NUMBER: _ClassVar[int]
    MAP_EPOCH_FIELD_NUMBER: _ClassVar[int]
    MAP_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    WALL_MS_FIELD_NUMBER: _ClassVar[int]
    clock_ms: int
    map_epoch: int
    map_fingerprint: int
    node: str
    wall_ms: int
    def __init__(self, node: _Optional[str] = ..., clock_ms: _Optional[int] = ..., map_epoch: _Optional[int] = ..., map_fingerprint: _Optional[int] = ..., wall_ms: _Optional[int] = ...) -> None: ...

class SetRequest(_message.Message):
    __slots__ = ["expires_at_ms", "key", "op_clock_ms", "ttl_ms", "value", "version_time", "version_writer", "view"]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    OP_CLOCK_MS_FIELD_NUMBER: _ClassVar[int]
    TTL_MS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VERSION_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_WRITER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    expires_at_ms: int
    key: bytes
    op_clock_ms: int
    ttl_ms: int
    value: bytes
    version_time: int
    version_writer: int
    view: int
    def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ..., ttl_ms: _Optional[int] = ..., view: _Optional[int] = ..., version_time: _Optional[int] = ..., version_writer: _Optional[int] = ..., expires_at_ms: _Optional[int] = ..., op_clock_ms: _Optional[int] = ...) -> None: ...

class SetResponse(_message.Message):
    __slots__ = ["current_version_time", "current_version_writer"]
    CURRENT_VERSION_TIME_FIELD_NUMBER: _ClassVar[int]
    CURRENT_VERSION_WRITER_FIELD_NUMBER: _ClassVar[int]
    current_version_time: int
    current_version_writer: int
    def __init__(self, current_version_time: _Optional[int] = ..., current_version_writer: _Optional[int] = ...) -> None: ...

class ShardStatus(_message.Message):
    __slots__ = ["awaited", "bytes", "copied_bytes", "copied_keys", "copy_elapsed_ms", "digest", "epoch", "keys", "markers", "members", "shard", "source", "source_bytes", "source_keys", "state", "waived"]
    AWAITED_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    COPIED_BYTES_FIELD_NUMBER: _ClassVar[int]
    COPIED_KEYS_FIELD_NUMBER: _ClassVar[int]
    COPY_ELAPSED_MS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MARKERS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SOURCE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_KEYS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WAIVED_FIELD_NUMBER: _ClassVar[int]
    awaited: _containers.RepeatedScalarFieldContainer[str]
    bytes: int
    copied_bytes: int
    copied_keys: int
    copy_elapsed_ms: int
    digest: int
    epoch: int
    keys: int
    markers: int
    members: _containers.RepeatedCompositeFieldContainer[Member]
    shard: int
    source: str
    source_bytes: int
    source_keys: int
    state: ShardState
    waived: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, shard: _Optional[int] = ..., state: _Optional[_Union[ShardState, str]] = ..., keys: _Optional[int] = ..., bytes: _Optional[int] = ..., markers: _Optional[int] = ..., copied_keys: _Optional[int] = ..., copied_bytes: _Optional[int] = ..., source: _Optional[str] = ..., awaited: _Optional[_Iterable[str]] = ..., epoch: _Optional[int] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., source_keys: _Optional[int] = ..., source_bytes: _Optional[int] = ..., copy_elapsed_ms: _Optional[int] = ..., digest: _Optional[int] = ..., waived: _Optional[_Iterable[str]] = ...) -> None: ...

class View(_message.Message):
    __slots__ = ["epoch", "members", "shard"]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    members: _containers.RepeatedCompositeFieldContainer[Member]
    shard: int
    def __init__(self, shard: _Optional[int] = ..., epoch: _Optional[int] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ...) -> None: ...

class RecordKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class ShardState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
