"""Protobuf and frames from the documents alone: no library and no code of ours, so that a mistake there shows."""

import re
import struct
from pathlib import Path

SCHEMA_FILE = Path(__file__).parents[2] / "kv.proto"
FRAME_TYPES = {"HELLO": 1, "REQUEST": 2, "RESPONSE": 3, "CANCEL": 4, "PING": 5, "GOAWAY": 6}


class Schema:
    """The messages, enums and methods of kv.proto. A message within another is called Outer.Inner."""

    STATEMENT = re.compile(
        r"(?P<block>message|enum|service) (?P<name>\w+) \{"
        r"|rpc (?P<method>\w+)\((?P<request>\w+)\) returns \((?P<response>\w+)\);"
        r"|(?P<many>repeated )?(?P<kind>[\w.]+) (?P<field>\w+) = (?P<number>\d+);"
        r"|(?P<value>\w+) = (?P<value_number>\d+);"
        r"|\}"
    )

    def __init__(self, text):
        self.messages, self.enums, self.methods, self.services = {}, {}, {}, []
        within = []
        for found in self.STATEMENT.finditer(re.sub(r"//[^\n]*", "", text)):
            outer = ".".join(within)
            if found["block"]:
                within.append(found["name"])
                self._begin(found["block"], ".".join(within))
            elif found["method"]:
                place = sum(name.startswith(f"kv.{outer}.") for name in self.methods)
                number = self.services.index(outer) << 8 | place
                self.methods[f"kv.{outer}.{found['method']}"] = (number, found["request"], found["response"])
            elif found["field"]:
                kind = f"{outer}.{found['kind']}" if f"{outer}.{found['kind']}" in self.messages else found["kind"]
                self.messages[outer].append((int(found["number"]), found["field"], kind, bool(found["many"])))
            elif found["value"]:
                self.enums[outer][found["value"]] = int(found["value_number"])
            else:
                within.pop()

    def _begin(self, block, name):
        if block == "message":
            self.messages[name] = []
        elif block == "enum":
            self.enums[name] = {}
        else:
            self.services.append(name)

    def encode(self, message, fields):
        """Fields in ascending order, defaults left out, as every protobuf library writes them."""
        unknown = set(fields) - {name for _, name, _, _ in self.messages[message]}
        assert not unknown, f"{message} has no {unknown}"
        return b"".join(
            self._field(number, kind, many, fields[name])
            for number, name, kind, many in sorted(self.messages[message])
            if name in fields
        )

    def _field(self, number, kind, many, value):
        if many and kind == "int32":
            return key(number, 2) + prefixed(b"".join(varint(item) for item in value)) if value else b""
        if many:
            return b"".join(self._value(number, kind, item) for item in value)
        return self._value(number, kind, value) if value or kind in self.messages else b""

    def _value(self, number, kind, value):
        if kind in ("bytes", "string"):
            return key(number, 2) + prefixed(bytes.fromhex(value) if kind == "bytes" else value.encode())
        if kind == "fixed64":
            return key(number, 1) + struct.pack("<Q", int(value)) if int(value) else b""
        if kind in self.messages:
            return key(number, 2) + prefixed(self.encode(kind, value))
        number_value = self.enums[kind][value] if kind in self.enums else int(value)
        return key(number, 0) + varint(number_value) if number_value else b""


def varint(value):
    value &= 2**64 - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded + bytes([value]))


def key(number, wire_type):
    return varint(number << 3 | wire_type)


def prefixed(data):
    return varint(len(data)) + data


def header(length, frame_type, flags=0, code=0, request_id=0, auxiliary=0):
    return struct.pack("<IBBHII", length, frame_type, flags, code, request_id, auxiliary)


SCHEMA = Schema(SCHEMA_FILE.read_text())
