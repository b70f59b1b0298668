"""The shard map: which nodes host which shard. docs/shard-map.md is the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .hashing import shard_of
from .strict_json import quoted

MAX_EPOCH = 2**63 - 1


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(host: str, port: int) -> Address:
    """Brackets around an IPv6 address are taken off."""
    bracketed = len(host) > 2 and host.startswith("[") and host.endswith("]") and ":" in host
    return Address(host[1:-1] if bracketed else host, port)


@dataclass(frozen=True)
class ShardMap:
    """A valid map; `parse_shard_map` makes one of a file."""

    num_shards: int
    nodes: Mapping[str, Address]
    shards: Mapping[int, tuple[str, ...]]
    """The nodes of each shard that has any."""
    epoch: int | None = None
    """The number that the file gives itself."""

    def shard_of(self, key: bytes) -> int:
        return shard_of(key, self.num_shards)

    def members(self, shard: int) -> tuple[str, ...]:
        """The names of the nodes that host a shard, in the file's order; empty = no node."""
        return self.shards.get(shard, ())

    def same_content(self, other: ShardMap) -> bool:
        """Equal in everything but the epoch."""
        return (self.num_shards, self.nodes, self.shards) == (other.num_shards, other.nodes, other.shards)

    def succession_faults(self, successor: ShardMap) -> list[str]:
        """Why `successor` cannot follow this map; empty = it can."""
        faults = []
        if successor.num_shards != self.num_shards:
            change = f"changes from {self.num_shards} to {successor.num_shards}"
            faults.append(f"numShards: {change}, which would move keys between shards")
        for name, address in successor.nodes.items():
            known = self.nodes.get(name, address)
            if known != address:
                rule = "a name keeps its address, a new address needs a new name"
                faults.append(f"nodes.{quoted(name)}: moves from {known} to {address}: {rule}")
        return faults
