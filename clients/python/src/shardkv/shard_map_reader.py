"""Reads a shard map's file and finds all that is wrong with it. docs/shard-map.md is the contract."""

from __future__ import annotations

import re

from .errors import ShardMapError
from .shard_map import MAX_EPOCH, Address, ShardMap, address_of
from .strict_json import CONTROL, Members, Number, cut, parse, quoted

MAX_FILE_BYTES = 128 << 20
MAX_SHARDS = 1 << 20
MAX_NAME_BYTES = 255
_INTEGER = re.compile("-?(0|[1-9][0-9]*)")


def parse_shard_map(content: bytes) -> ShardMap:
    """Raises ShardMapError with every fault found."""
    if len(content) > MAX_FILE_BYTES:
        raise ShardMapError(["larger than 128 MiB"])
    try:
        document = parse(content)
    except (ValueError, RecursionError) as error:
        raise ShardMapError([f"not JSON: {error}"]) from error
    return _Reader().read(document)


class _Reader:
    """Collects every fault on the way; one fault brings no others with it."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def read(self, document: object) -> ShardMap:
        if not isinstance(document, Members):
            raise ShardMapError([f"top level: expected an object, found {_kind(document)}"])
        top = self._fields(document, ("epoch", "numShards", "nodes", "shards"), "")
        epoch = self._integer(top["epoch"], "epoch", 0, MAX_EPOCH) if "epoch" in top else None
        num_shards = self._integer(top.get("numShards"), "numShards", 1, MAX_SHARDS, "numShards" in top)
        names, nodes = self._nodes(top.get("nodes"), "nodes" in top)
        shards = self._shards(top.get("shards"), "shards" in top, num_shards, names)
        if self.faults or num_shards is None:
            raise ShardMapError(self.faults)
        return ShardMap(num_shards, nodes, shards, epoch)

    def _nodes(self, value: object, present: bool) -> tuple[set[str] | None, dict[str, Address]]:
        members = self._object(value, "nodes", present)
        if members is None:
            return None, {}
        names: set[str] = set()
        nodes: dict[str, Address] = {}
        holders: dict[Address, str] = {}
        for name, entry in members:
            place = f"nodes.{quoted(name)}"
            self._check_name(name, "name", place)
            if name in names:
                self.faults.append(f"{place}: the node is there twice")
                continue
            names.add(name)
            address = self._address(entry, place)
            if address is None:
                continue
            if address in holders:
                self.faults.append(f"{place}: node {quoted(holders[address])} has the same address and port, {address}")
            holders[address] = name
            nodes[name] = address
        return names, nodes

    def _address(self, value: object, place: str) -> Address | None:
        members = self._object(value, place, True)
        if members is None:
            return None
        fields = self._fields(members, ("address", "port"), place + ".")
        host = self._string(fields.get("address"), place + ".address", "address" in fields)
        if host is not None:
            self._check_name(host, "address", place + ".address")
            if " " in host:
                self.faults.append(f"{place}.address: the address has a space")
        port = self._integer(fields.get("port"), place + ".port", 1, 65535, "port" in fields)
        return None if host is None or port is None else address_of(host, port)

    def _shards(
        self, value: object, present: bool, num_shards: int | None, names: set[str] | None
    ) -> dict[int, tuple[str, ...]]:
        shards: dict[int, tuple[str, ...]] = {}
        seen: set[str] = set()
        for name, entry in self._object(value, "shards", present) or ():
            place = f"shards.{quoted(name)}"
            members = self._members(entry, place, names)
            if name in seen:
                self.faults.append(f"{place}: the shard is there twice")
            elif not _INTEGER.fullmatch(name) or name == "-0":
                self.faults.append(f"{place}: not a shard number (an integer in plain digits)")
            elif num_shards is not None and not _is_between(name, 1, num_shards):
                self.faults.append(f"{place}: shard {cut(name)} is outside 1…{num_shards}")
            elif members and num_shards is not None:
                shards[int(name)] = members
            seen.add(name)
        return shards

    def _members(self, value: object, place: str, names: set[str] | None) -> tuple[str, ...]:
        if value is None:
            return ()
        if isinstance(value, Members) or not isinstance(value, list):
            self.faults.append(f"{place}: expected an array of node names, found {_kind(value)}")
            return ()
        members: list[str] = []
        for index, element in enumerate(value):
            name = self._string(element, f"{place}[{index}]", True)
            if name is None:
                continue
            if names is not None and name not in names:
                self.faults.append(f"{place}[{index}]: unknown node {quoted(name)}")
            if name in members:
                self.faults.append(f"{place}[{index}]: node {quoted(name)} is there twice")
            members.append(name)
        return tuple(members)

    def _check_name(self, text: str, what: str, place: str) -> None:
        if not text:
            self.faults.append(f"{place}: the {what} is empty")
        if len(text.encode()) > MAX_NAME_BYTES:
            self.faults.append(f"{place}: the {what} is longer than {MAX_NAME_BYTES} bytes")
        if CONTROL.search(text):
            self.faults.append(f"{place}: the {what} has a control character")

    def _object(self, value: object, place: str, present: bool) -> Members | None:
        if isinstance(value, Members):
            return value
        self._expected("an object", place, value, present)
        return None

    def _string(self, value: object, place: str, present: bool) -> str | None:
        if isinstance(value, str) and not isinstance(value, Number):
            return value
        self._expected("a string", place, value, present)
        return None

    def _integer(self, value: object, place: str, least: int, greatest: int, present: bool = True) -> int | None:
        if not isinstance(value, Number) or not _INTEGER.fullmatch(value):
            self._expected("an integer", place, value, present)
            return None
        if _is_between(value, least, greatest):
            return int(value)
        self.faults.append(f"{place}: {cut(value)} is outside {least}…{greatest}")
        return None

    def _expected(self, what: str, place: str, value: object, present: bool) -> None:
        self.faults.append(f"{place}: expected {what}, found {_kind(value)}" if present else f"{place}: missing")

    def _fields(self, members: Members, names: tuple[str, ...], prefix: str) -> dict[str, object]:
        """The members of these names; readers disagree about which of two counts, so a second one is a fault."""
        fields: dict[str, object] = {}
        for name, value in members:
            if name in names:
                if name in fields:
                    self.faults.append(f"{prefix}{name}: is there twice")
                fields[name] = value
        return fields


def _is_between(digits: str, least: int, greatest: int) -> bool:
    """Without making a number of more digits than Python is willing to read."""
    return len(digits) <= 20 and least <= int(digits) <= greatest


def _kind(value: object) -> str:
    if isinstance(value, Number):
        return cut(value)
    if isinstance(value, Members):
        return "an object"
    names = {list: "an array", str: "a string", bool: "true" if value else "false", type(None): "null"}
    return names[type(value)]
