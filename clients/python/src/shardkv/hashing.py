"""The hashes that all processes of a cluster must compute alike."""

from __future__ import annotations

import struct
from collections.abc import Mapping

NO_VIEW = 0
"""A request's view: the client routed by none."""
UNKNOWN_VIEW = 1
"""A request's view: the client does not know it and asks to be told."""


def fnv1(data: bytes) -> int:
    """FNV-1, 32 bit: multiply, then xor (FNV-1a does the reverse)."""
    value = 2166136261
    for byte in data:
        value = value * 16777619 & 0xFFFFFFFF ^ byte
    return value


def shard_of(key: bytes, num_shards: int) -> int:
    """The shard of a key, from 1."""
    return fnv1(key) % num_shards + 1


def view_identifier(epoch: int, incarnations: Mapping[str, int]) -> int:
    """A shard's configuration in 64 bits: FNV-1a over the epoch and the members with their incarnations.

    Never 0 or 1, which say that there is no view, and that it is not known.
    """
    value = _fnv1a(0xCBF29CE484222325, struct.pack("<Q", epoch))
    for name, incarnation in sorted((name.encode(), incarnation) for name, incarnation in incarnations.items()):
        value = _fnv1a(value, name + b"\0" + struct.pack("<Q", incarnation))
    return view_identifier_of_hash(value)


def view_identifier_of_hash(value: int) -> int:
    return value if value > UNKNOWN_VIEW else UNKNOWN_VIEW + 1


def _fnv1a(value: int, data: bytes) -> int:
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
