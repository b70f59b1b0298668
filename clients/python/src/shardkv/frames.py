"""Frames: bytes to headers and payloads, and back. No I/O."""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

PREFACE = b"ShardKV\x01"
HEADER_BYTES = 16
ACKNOWLEDGEMENT = 1
"""The flag of a PING that answers one."""
_HEADER = struct.Struct("<IBBHII")


class FrameType(enum.IntEnum):
    """What a frame is; numbers that are not listed are skipped."""

    HELLO = 1
    REQUEST = 2
    RESPONSE = 3
    CANCEL = 4
    PING = 5
    GOAWAY = 6


class Method(enum.IntEnum):
    """The methods that a client calls: service << 8 | place in the service."""

    GET = 0x0000
    SET = 0x0001
    DELETE = 0x0002
    GET_SHARD_CONTENTS = 0x0003
    GET_STATUS = 0x0004
    GET_SHARD_MAP = 0x0005
    EXCHANGE_VIEW = 0x0006


class Frame(NamedTuple):
    type: int
    flags: int = 0
    code: int = 0
    request_id: int = 0
    auxiliary: int = 0
    payload: bytes = b""

    @property
    def load(self) -> int:
        """Of a RESPONSE: the requests that waited behind it."""
        return self.auxiliary & 0xFFFF

    @property
    def retry_after_ms(self) -> int:
        """Of a RESPONSE: how long to wait before asking the same again; 0 = nothing said."""
        return self.auxiliary >> 16

    def encode(self) -> bytes:
        """Header and payload."""
        header = _HEADER.pack(len(self.payload), self.type, self.flags, self.code, self.request_id, self.auxiliary)
        return header + self.payload


class FrameTooLargeError(Exception):
    """A frame announced more bytes than are allowed; nothing of its payload was looked at."""


class FrameParser:
    """Cuts a stream into frames, however its bytes arrive."""

    def __init__(self, max_payload_bytes: int) -> None:
        self.max_payload_bytes = max_payload_bytes
        self._buffer = bytearray()
        self._start = 0

    def feed(self, data: bytes) -> None:
        """Takes more bytes of the stream."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next(self) -> Frame | None:
        """The next whole frame; None = more bytes are needed."""
        if len(self._buffer) - self._start < HEADER_BYTES:
            return None
        length, kind, flags, code, request_id, auxiliary = _HEADER.unpack_from(self._buffer, self._start)
        if length > self.max_payload_bytes:
            raise FrameTooLargeError(f"a frame of {length} bytes; at most {self.max_payload_bytes} are read")
        start = self._start + HEADER_BYTES
        if len(self._buffer) - start < length:
            return None
        self._start = start + length
        with memoryview(self._buffer) as view:
            payload = bytes(view[start : self._start])
        return Frame(kind, flags, code, request_id, auxiliary, payload)
