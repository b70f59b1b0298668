"""frames.json: frames and what they say."""

from encoding import FRAME_TYPES, SCHEMA, header
from numbers_of_the_protocol import REASONS, STATUSES
from other_releases import limits, malformed, tolerated
from peer_frames import samples

MAX_U64, MAX_I64, NOW = str(2**64 - 1), str(2**63 - 1), str(1_700_000_000_000)
EVERY_BYTE = bytes(range(256)).hex()
VERSION = {"version_time": str((1_700_000_000_000 << 16) + 7), "version_writer": "81985529216486895"}
GREATEST_VERSION = {"version_time": MAX_U64, "version_writer": MAX_U64}
VIEW = {
    "shard": 3,
    "epoch": "7",
    "members": [
        {"node": "n1", "address": "127.0.0.1", "port": 9001, "incarnation": "1700000000000000"},
        {"node": "nœud 2", "address": "::1", "port": 65535, "incarnation": MAX_U64},
    ],
}


def frame(name, frame_type, message=None, fields=None, *, flags=0, code=0, request_id=0, auxiliary=0, **meaning):
    payload = SCHEMA.encode(message, fields) if message else b""
    entry = {
        "name": name,
        "bytes": (header(len(payload), FRAME_TYPES[frame_type], flags, code, request_id, auxiliary) + payload).hex(),
    }
    numbers = {"length": len(payload), "type": FRAME_TYPES[frame_type], "flags": flags, "code": code}
    entry |= {"header": {**numbers, "request_id": request_id, "auxiliary": auxiliary}, "frame": frame_type, **meaning}
    return entry | ({"message": message, "fields": fields} if message else {})


def request(name, method, fields, request_id=1, timeout_ms=1000):
    number, message, _ = SCHEMA.methods[method]
    return frame(
        name,
        "REQUEST",
        message,
        fields,
        code=number,
        request_id=request_id,
        auxiliary=timeout_ms,
        method=method,
        timeout_ms=timeout_ms,
    )


def response(name, method, fields, request_id=1, load=0):
    message = SCHEMA.methods[method][2]
    meaning = {"method": method, "status": "OK", "reason": "none", "load": load, "retry_after_ms": 0}
    return frame(name, "RESPONSE", message, fields, request_id=request_id, auxiliary=load, **meaning)


def refusal(name, status, reason, fields, frame_type="RESPONSE", request_id=1, load=0, retry_after_ms=0):
    code = STATUSES.index(status) | [name for name, _ in REASONS].index(reason) << 8
    meaning = {"status": status, "reason": reason}
    if frame_type == "RESPONSE":
        meaning |= {"load": load, "retry_after_ms": retry_after_ms}
    auxiliary = load | retry_after_ms << 16
    return frame(name, frame_type, "Error", fields, code=code, request_id=request_id, auxiliary=auxiliary, **meaning)


def get_frames():
    method = "kv.Kv.Get"
    yield request("get", method, {"key": b"apple".hex()}, request_id=2)
    yield request(
        "get: every field",
        method,
        {"key": EVERY_BYTE, "view": MAX_U64, "with_metadata": True, "metadata_only": True},
        2**32 - 1,
        2**32 - 1,
    )
    yield request("get: an empty key", method, {}, 0, 0)
    yield request("get: a key of a zero byte", method, {"key": "00", "view": "1"})
    yield response("get: not found", method, {})
    yield response("get: an empty value", method, {"was_found": True})
    yield response("get: found", method, {"value": b"red".hex(), "was_found": True}, load=513)
    yield response(
        "get: every field",
        method,
        {
            "value": EVERY_BYTE,
            "was_found": True,
            "ttl_ms_remaining": MAX_I64,
            **GREATEST_VERSION,
            "expires_at_ms": MAX_U64,
        },
        2**32 - 1,
        65535,
    )
    yield response("get: deleted", method, {**VERSION, "kind": "DELETED"})
    yield response("get: expired", method, {**VERSION, "expires_at_ms": "1", "kind": "EXPIRED"})


def write_frames():
    method = "kv.Kv.Set"
    yield request("set", method, {"key": b"apple".hex(), "value": b"red".hex(), "ttl_ms": "60000"})
    stamped = {**VERSION, "expires_at_ms": NOW, "op_clock_ms": NOW}
    yield request(
        "set: every field", method, {"key": EVERY_BYTE, "value": EVERY_BYTE, "ttl_ms": MAX_I64, "view": "2", **stamped}
    )
    yield request("set: a negative TTL", method, {"key": "61", "ttl_ms": "-1"})
    yield request("set: the most negative TTL", method, {"key": "61", "ttl_ms": str(-(2**63))})
    yield request("set: half a version", method, {"key": "61", "version_writer": "1"})
    yield request("set: a value of 16,384 bytes", method, {"key": "00ff", "value": "5a" * 16384})
    yield response("set: taken", method, {})
    yield response("set: superseded", method, {"current_version_time": MAX_U64, "current_version_writer": "1"})
    method = "kv.Kv.Delete"
    yield request("delete", method, {"key": b"apple".hex()})
    yield request("delete: every field", method, {"key": EVERY_BYTE, "view": MAX_U64, **VERSION, "op_clock_ms": NOW})
    yield response("delete: taken", method, {})
    yield response("delete: superseded", method, {"current_version_time": "1", "current_version_writer": MAX_U64})


def other_frames():
    method = "kv.Kv.GetShardContents"
    yield request("contents: all at once", method, {"shard": 1})
    yield request(
        "contents: a page",
        method,
        {"shard": 1048576, "page_token": "00ff61", "max_page_bytes": 2**32 - 1, "with_markers": True},
    )
    values = [
        {"key": "61", "value": b"red".hex(), "ttl_ms_remaining": "1", **VERSION, "expires_at_ms": NOW},
        {"key": "00", **GREATEST_VERSION, "kind": "DELETED"},
        {"key": EVERY_BYTE, "expires_at_ms": "1", **VERSION, "kind": "EXPIRED"},
    ]
    yield response("contents: the last page, empty", method, {})
    yield response("contents: a page", method, {"values": values, "next_page_token": "00ff"})
    method = "kv.Kv.GetStatus"
    yield request("status", method, {})
    recovering = {
        "epoch": "7",
        "members": VIEW["members"],
        "source_keys": "1",
        "source_bytes": "2",
        "copy_elapsed_ms": NOW,
    }
    shards = [
        {"shard": 1, "state": "SERVING", "keys": "10", "bytes": "1000", "markers": "1", "digest": MAX_U64},
        {"shard": 2, "state": "JOINING", "copied_keys": "5", "copied_bytes": MAX_U64, "source": "n2"},
        {"shard": 3, "state": "LEAVING", "keys": MAX_U64, "awaited": ["n2", "", "n3"]},
        {"shard": 4, "state": "RECOVERING", **recovering, "waived": ["n4", "n5"]},
        {"shard": 5},
    ]
    node = {
        "node": "n1",
        "server_version": "1.0.0",
        "map_epoch": "7",
        "num_shards": 4,
        "uptime_ms": "1",
        "memory_bytes": "2",
        "memory_limit_bytes": "3",
    }
    yield response(
        "status: every field",
        method,
        {**node, "shards": shards, "map_error": "why – ü", "draining": True, "waived_copies": "9"},
    )
    method = "kv.Kv.GetShardMap"
    yield request("shard map", method, {})
    yield response("shard map", method, {"json": b'{"numShards":1,"nodes":{},"shards":{}}'.hex(), "epoch": NOW})
    method = "kv.Kv.ExchangeView"
    yield request("view: what the client knows", method, VIEW)
    yield request("view: the client knows nothing", method, {"shard": 3})
    yield response("view: what the server knows", method, VIEW)
    method = "kv.Kv.Proceed"
    yield request("proceed", method, {"shard": 3})
    yield response("proceed", method, {"proceeds": True})
    for method, asked, answered in samples():
        yield request(f"{method}: every field", method, asked)
        yield response(f"{method}: every field", method, answered)


def connection_frames():
    limits = {"max_key_bytes": 65536, "max_value_bytes": 67108864, "max_payload_bytes": 67175424}
    names = {"node": "n1", "server_version": "1.0.0", "map_epoch": "7"}
    yield frame("hello", "HELLO", "Hello", {"server_time_ms": NOW, "protocol_version": 1, **limits, **names})
    yield frame("hello of a server that says nothing", "HELLO", "Hello", {})
    yield frame("cancel", "CANCEL", request_id=7)
    yield frame("ping", "PING", request_id=9)
    yield frame("the answer to a ping", "PING", flags=1, request_id=2**32 - 1)
    yield refusal(
        "goaway: wrong preface", "INVALID_ARGUMENT", "none", {"message": "not ShardKV"}, "GOAWAY", request_id=0
    )
    yield refusal(
        "goaway: shutting down",
        "UNAVAILABLE",
        "draining",
        {"message": "bye", "server_time_ms": NOW},
        "GOAWAY",
        request_id=0,
    )
    yield refusal("goaway: too many connections", "RESOURCE_EXHAUSTED", "overloaded", {}, "GOAWAY", request_id=0)


def refusals():
    for status in STATUSES[1:]:
        yield refusal(f"a refusal: {status}", status, "none", {"message": f"why: {status}", "server_time_ms": NOW})
    for reason, status in REASONS[1:]:
        fields = {"message": "why – ü", "server_time_ms": NOW} | (
            {"view": VIEW} if reason in ("wrongView", "notHosted", "moving") else {}
        )
        yield refusal(f"a refusal: {reason}", status, reason, fields, load=1, retry_after_ms=250)
    yield refusal("a refusal that says nothing", "UNAVAILABLE", "notReady", {}, load=65535, retry_after_ms=65535)
    yield refusal("a refusal with a view without members", "NOT_FOUND", "notHosted", {"view": {"shard": 1}})


def frames():
    encoded = [*connection_frames(), *get_frames(), *write_frames(), *other_frames(), *refusals()]
    seen = {entry.get("message") for entry in encoded}
    nested = {kind for fields in SCHEMA.messages.values() for _, _, kind, _ in fields}
    missing = set(SCHEMA.messages) - seen - nested
    assert not missing, f"no frame holds {missing}"
    return {
        "preface": b"ShardKV\x01".hex(),
        "frames": encoded,
        "tolerated": tolerated(),
        "malformed": malformed(),
        "limits": limits(),
    }
