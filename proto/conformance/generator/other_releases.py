"""The parts of frames.json about what a codec tolerates, and what it refuses."""

from encoding import SCHEMA, header, key, prefixed, varint


def tolerated():
    """What later releases may send, and what it is to be taken for."""
    unknown = (
        key(2000, 0) + varint(5) + key(2001, 2) + prefixed(b"later") + key(2002, 1) + bytes(8) + key(2003, 5) + bytes(4)
    )
    found = SCHEMA.encode("GetResponse", {"value": "61", "was_found": True})

    def reads(name, data, **meaning):
        return {"name": name, "bytes": data.hex(), **meaning}

    def answer(payload, code=0, **changes):
        return header(len(payload), changes.get("frame_type", 3), changes.get("flags", 0), code, 1, 0) + payload

    get = {"message": "GetResponse", "fields": {"value": "61", "was_found": True}, "status": "OK", "reason": "none"}
    later_kind = found + key(7, 0) + varint(9)
    reversed_fields = key(2, 0) + varint(1) + key(1, 2) + prefixed(b"a")
    twice = key(1, 2) + prefixed(b"b") + found
    return [
        reads("unknown fields are skipped", answer(unknown + found + unknown), **get),
        reads("fields in another order", answer(reversed_fields), **get),
        reads("of a field that is there twice, the last counts", answer(twice), **get),
        reads("unknown flags are ignored", answer(found, flags=0xFE), **get),
        reads("an unknown value of an enum is the first one", answer(later_kind), **get),
        reads(
            "an unknown status is UNKNOWN",
            answer(b"", 200),
            message="Error",
            fields={},
            status="UNKNOWN",
            reason="none",
        ),
        reads(
            "an unknown reason is none",
            answer(b"", 14 | 200 << 8),
            message="Error",
            fields={},
            status="UNAVAILABLE",
            reason="none",
        ),
        reads("unknown frame types are skipped", answer(b"\xff" * 300, frame_type=200), frame="skipped"),
    ]


def malformed():
    """Payloads that are no protobuf messages; servers answer INVALID_ARGUMENT."""
    payloads = {
        "a length past the end": b"\x0a\x05\x61",
        "a length that is cut off": b"\x0a",
        "a field's key that is cut off": b"\x80",
        "a varint of 11 bytes": b"\x18" + b"\xff" * 11,
        "a group": b"\x0b",
        "8 bytes that are cut off": b"\x29" + bytes(7),
        "4 bytes that are cut off": b"\x85\x7d" + bytes(3),
    }
    return [{"name": name, "payload": payload.hex(), "message": "SetRequest"} for name, payload in payloads.items()]


def limits():
    """Headers of requests at a server with these limits: it waits for the payload, refuses and skips it, or ends."""
    key_bytes, value_bytes = 1000, 2000
    greatest = key_bytes + value_bytes + 1024
    lengths = [
        (0, "take"),
        (greatest, "take"),
        (greatest + 1, "refuse"),
        (2**30, "refuse"),
        (2**30 + 1, "end"),
        (2**32 - 1, "end"),
    ]
    cases = [
        {"length": length, "header": header(length, 2, code=1, request_id=5).hex(), "outcome": outcome}
        for length, outcome in lengths
    ]
    return {"max_key_bytes": key_bytes, "max_value_bytes": value_bytes, "max_payload_bytes": greatest, "headers": cases}
