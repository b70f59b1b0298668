"""The conformance vectors as lines of words, which conformance_test.c reads.

    python3 tests/vectors.py PROTO_DIRECTORY

    header HEX LENGTH TYPE FLAGS CODE REQUEST_ID AUXILIARY
    status HEX METHOD CODE REASON LOAD RETRY_AFTER
                                                  the whole frame; the call that it answers, of kv.Kv; numbers
    message TYPE HEX FIELDS ENCODES               ENCODES: 1 = the fields encode to these bytes
    malformed TYPE HEX
    skipped HEX                                   the whole frame
    key HEX HASH SHARD_COUNT SHARD

"-" stands for no bytes. FIELDS has no spaces: {name=value,...}, names in ascending order, defaults left out; bytes and
text in hexadecimal digits, lists as [value,...].
"""

import json
import re
import sys
from pathlib import Path

HEADER_DIGITS = 32
directory = Path(sys.argv[1])
texts = set(re.findall(r"^\s*(?:repeated )?string (\w+) =", (directory / "kv.proto").read_text(), re.MULTILINE))


def read(name):
    return json.loads((directory / "conformance" / name).read_text())


def canonical(value, name=None):
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={canonical(value[key], key)}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(element, name) for element in value) + "]"
    if isinstance(value, bool):
        return str(int(value))
    return value.encode().hex() if name in texts else str(value)


numbers = read("numbers.json")
codes = numbers["statuses"]
reasons = {name: reason["number"] for name, reason in numbers["reasons"].items()}
frames = read("frames.json")
for frame in frames["frames"] + frames["tolerated"]:
    encoded = frame["bytes"]
    payload = encoded[HEADER_DIGITS:] or "-"
    if "header" in frame:
        header = frame["header"]
        names = ("length", "type", "flags", "code", "request_id", "auxiliary")
        print("header", encoded[:HEADER_DIGITS], *(header[name] for name in names))
    if frame.get("frame") == "skipped":
        print("skipped", encoded)
    service, method = frame.get("method", "kv.Kv.Get").rsplit(".", 1)
    if frame.get("frame", "RESPONSE") == "RESPONSE" and "status" in frame and service == "kv.Kv":
        status = codes[frame["status"]], reasons[frame["reason"]]
        print("status", encoded, method, *status, frame.get("load", 0), frame.get("retry_after_ms", 0))
    if "message" in frame:
        print("message", frame["message"], payload, canonical(frame["fields"]), int("header" in frame))
for vector in frames["malformed"]:
    print("malformed", vector["message"], vector["payload"])
keys = read("keys.json")
for vector in keys["keys"]:
    for count, shard in zip(keys["shard_counts"], vector["shards"], strict=True):
        print("key", vector["key"] or "-", vector["hash"], count, shard)
