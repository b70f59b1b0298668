"""The vectors of proto/conformance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message

from shardkv import Reason, ShardMapError, StatusCode, kv_pb2
from shardkv.errors import ReplicaError
from shardkv.frames import HEADER_BYTES, PREFACE, Frame, FrameParser, FrameType, Method
from shardkv.hashing import fnv1, shard_of, view_identifier, view_identifier_of_hash
from shardkv.shard_map_reader import parse_shard_map
from shardkv.versions import Version, expiry, next_time

FOLDER = Path(__file__).parents[3] / "proto" / "conformance"


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def one_frame(data: str) -> Frame:
    parser = FrameParser(1 << 30)
    parser.feed(bytes.fromhex(data))
    frame = parser.next()
    assert frame and parser.next() is None
    return frame


def message_of(name: str, fields: dict[str, Any]) -> Message:
    """A message of the fields of a vector."""
    message: Message = getattr(kv_pb2, name)()
    fill(message, fields)
    return message


def fill(message: Message, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        kind = message.DESCRIPTOR.fields_by_name[name]
        present = getattr(message, name)
        if isinstance(value, dict):
            fill(present, value)
            present.SetInParent()
        elif isinstance(value, list) and kind.message_type:
            for element in value:
                fill(present.add(), element)
        elif isinstance(value, list):
            present.extend(scalar(kind, element) for element in value)
        else:
            setattr(message, name, scalar(kind, value))


def scalar(kind: Any, value: Any) -> Any:
    if kind.enum_type:
        return kind.enum_type.values_by_name[value].number
    if kind.type == kind.TYPE_BYTES:
        return bytes.fromhex(value)
    return value if kind.type in (kind.TYPE_STRING, kind.TYPE_BOOL) else int(value)


def camel(reason: Reason) -> str:
    first, *others = reason.name.lower().split("_")
    return first + "".join(word.title() for word in others)


def test_the_numbers_are_ours() -> None:
    numbers = load("numbers.json")
    assert numbers["frame_types"] == {kind.name: kind for kind in FrameType}
    assert numbers["statuses"] == {code.name: code for code in StatusCode}
    assert {name: reason["number"] for name, reason in numbers["reasons"].items()} == {
        camel(reason): reason for reason in Reason
    }
    for method in Method:
        name = "".join(word.title() for word in method.name.split("_"))
        assert numbers["methods"][f"kv.Kv.{name}"]["number"] == method
    assert numbers["header_bytes"] == HEADER_BYTES
    assert PREFACE[-1] == numbers["protocol_version"]


@pytest.mark.parametrize("vector", load("frames.json")["frames"], ids=lambda vector: vector["name"])
def test_frames(vector: Any) -> None:
    frame = one_frame(vector["bytes"])
    header = dict(vector["header"])
    assert len(frame.payload) == header.pop("length")
    assert frame._replace(payload=b"")._asdict() == header | {"payload": b""}
    assert frame.encode().hex() == vector["bytes"]
    assert FrameType(frame.type).name == vector["frame"]
    if vector["frame"] == "RESPONSE":
        assert (frame.load, frame.retry_after_ms) == (vector["load"], vector["retry_after_ms"])
    if "status" in vector:
        error = ReplicaError.from_frame(frame)
        assert (error.code.name, camel(error.reason)) == (vector["status"], vector["reason"])
    if "message" in vector:
        message = message_of(vector["message"], vector["fields"])
        assert message.SerializeToString() == frame.payload
        assert type(message).FromString(frame.payload) == message


@pytest.mark.parametrize("vector", load("frames.json")["tolerated"], ids=lambda vector: vector["name"])
def test_what_later_releases_send_is_tolerated(vector: Any) -> None:
    frame = one_frame(vector["bytes"])
    if vector.get("frame") == "skipped":
        assert frame.type not in list(FrameType)
        return
    error = ReplicaError.from_frame(frame)
    assert (error.code.name, camel(error.reason)) == (vector["status"], vector["reason"])
    message = getattr(kv_pb2, vector["message"]).FromString(frame.payload)
    for name, value in vector["fields"].items():
        assert getattr(message, name) == (bytes.fromhex(value) if isinstance(value, str) else value)


@pytest.mark.parametrize("vector", load("frames.json")["malformed"], ids=lambda vector: vector["name"])
def test_malformed_payloads_are_refused(vector: Any) -> None:
    with pytest.raises(DecodeError):
        kv_pb2.SetRequest.FromString(bytes.fromhex(vector["payload"]))


def test_keys() -> None:
    vectors = load("keys.json")
    for vector in vectors["keys"]:
        key = bytes.fromhex(vector["key"])
        assert fnv1(key) == vector["hash"]
        assert [shard_of(key, count) for count in vectors["shard_counts"]] == vector["shards"]


def content(vector: Any) -> bytes:
    return vector["text"].encode() if "text" in vector else bytes.fromhex(vector["bytes"])


@pytest.mark.parametrize("vector", load("shardmaps.json")["valid"], ids=lambda vector: vector["name"])
def test_valid_maps(vector: Any) -> None:
    shard_map = parse_shard_map(content(vector))
    expected = vector["map"]
    assert shard_map.num_shards == expected["num_shards"]
    assert shard_map.epoch == (None if expected["epoch"] is None else int(expected["epoch"]))
    assert {name: address._asdict() for name, address in shard_map.nodes.items()} == {
        name: {"host": node["address"], "port": node["port"]} for name, node in expected["nodes"].items()
    }
    assert {str(shard): list(members) for shard, members in shard_map.shards.items()} == expected["shards"]


@pytest.mark.parametrize("vector", load("shardmaps.json")["invalid"], ids=lambda vector: vector["name"])
def test_invalid_maps(vector: Any) -> None:
    with pytest.raises(ShardMapError) as caught:
        parse_shard_map(content(vector))
    if "faults" in vector:
        assert list(caught.value.faults) == [f"{fault['place']}: {fault['message']}" for fault in vector["faults"]]


def test_times_to_live() -> None:
    for vector in load("ttl.json")["deadlines"]:
        assert expiry(int(vector["ttl_ms"]), int(vector["now"])) == int(vector["expires_at_ms"])


def test_versions() -> None:
    vectors = load("versions.json")
    versions = [Version(int(vector["time"]), int(vector["writer"])) for vector in vectors["ascending"]]
    assert versions == sorted(set(versions))
    for vector in vectors["stamps"]:
        assert next_time(int(vector["clock_ms"]), int(vector["greatest_seen"])) == int(vector["time"])


def test_views() -> None:
    vectors = load("views.json")
    for vector in vectors["views"]:
        incarnations = {member["node"]: int(member["incarnation"]) for member in vector["members"]}
        assert view_identifier(int(vector["epoch"]), incarnations) == int(vector["id"])
    for vector in vectors["identifiers"]:
        assert view_identifier_of_hash(int(vector["hash"])) == int(vector["id"])
