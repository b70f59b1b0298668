"""Where the shard map comes from, and how its changes are followed."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from . import kv_pb2
from .cluster import Cluster
from .errors import ReplicaError, ReplicaFailure, ShardMapError, decoded, failure_of
from .frames import Method
from .shard_map import MAX_EPOCH, Address, ShardMap, address_of
from .shard_map_reader import MAX_FILE_BYTES, parse_shard_map

logger = logging.getLogger("shardkv")
MAX_AHEAD_MS = 60_000
"""How far a file's time may lie in the future before it stops counting."""


class MapSource(ABC):
    """Gives the first map, and then each new one."""

    @abstractmethod
    async def start(self, cluster: Cluster) -> None:
        """Takes the first map; raises ShardKVError if there is none."""

    @abstractmethod
    async def follow(self, cluster: Cluster) -> None:
        """Runs until it is cancelled."""


class MapFile(MapSource):
    """A file, which is looked at five times a second, however it is replaced."""

    LOOK_SECONDS = 0.2
    READ_EVERY_LOOKS = 5
    """Two writes within one tick of the file system's clock can look alike."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._look: tuple[int, ...] | None = None
        self._content = b""
        self._refused: str | None = None

    async def start(self, cluster: Cluster) -> None:
        self._look = self._stat()
        self._content = self._read()
        shard_map = parse_shard_map(self._content)
        cluster.follow(shard_map, self._number(shard_map, None))

    async def follow(self, cluster: Cluster) -> None:
        looks = 0
        while True:
            await asyncio.sleep(self.LOOK_SECONDS)
            looks += 1
            try:
                look = self._stat()
                if look == self._look and looks % self.READ_EVERY_LOOKS:
                    continue
                content = self._read()
                self._look = look
                if content != self._content:
                    self._take(cluster, content)
            except ShardMapError as error:
                self._refuse(error)

    def _take(self, cluster: Cluster, content: bytes) -> None:
        shard_map = parse_shard_map(content)
        routing = cluster.routing
        self._content, self._refused = content, None
        if shard_map.same_content(routing.map) and shard_map.epoch in (None, routing.map.epoch):
            return
        faults = routing.map.succession_faults(shard_map)
        epoch = self._number(shard_map, routing.epoch)
        if epoch <= routing.epoch and not shard_map.same_content(routing.map):
            faults.append(f"epoch: {epoch} is not above {routing.epoch}, the epoch of the map in force")
        if faults:
            raise ShardMapError(faults)
        cluster.follow(shard_map, max(epoch, routing.epoch))

    def _refuse(self, error: ShardMapError) -> None:
        """The last good map stays in force; each refusal is logged once."""
        if self._refused != str(error):
            self._refused = str(error)
            logger.warning("%s: the shard map is refused: %s", self._path, error.message)

    def _number(self, shard_map: ShardMap, current: int | None) -> int:
        """The epoch that the file gives itself, else its modification time, but above the one in force."""
        if shard_map.epoch is not None:
            return shard_map.epoch
        modified_ms = min(self._modified_ms(), int(time.time() * 1000) + MAX_AHEAD_MS)
        return modified_ms if current is None else min(max(modified_ms, current + 1), MAX_EPOCH)

    def _modified_ms(self) -> int:
        return self._look[-1] // 1_000_000 if self._look else 0

    def _stat(self) -> tuple[int, ...]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise ShardMapError([f"cannot be read: {error.strerror}"]) from error
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def _read(self) -> bytes:
        try:
            if not self._path.is_file():
                raise ShardMapError(["not a regular file"])
            with self._path.open("rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise ShardMapError([f"cannot be read: {error.strerror}"]) from error


class MapServers(MapSource):
    """The servers' own map, for clients that are given addresses only."""

    ASK_SECONDS = 1.0

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = {address: _parse_address(address) for address in addresses}
        if not addresses:
            raise ValueError("no address of a node is given")

    async def start(self, cluster: Cluster) -> None:
        for name, address in self._addresses.items():
            cluster.connections.learn(name, address)
        failures = []
        for name in self._addresses:
            try:
                return await self._ask(cluster, name)
            except ReplicaError as error:
                failures.append(ReplicaFailure.of(name, error))
        raise failure_of(failures)

    async def follow(self, cluster: Cluster) -> None:
        while True:
            await asyncio.sleep(self.ASK_SECONDS)
            for name in cluster.health.order([*cluster.routing.map.nodes, *self._addresses]):
                try:
                    await self._ask(cluster, name)
                    break
                except ReplicaError as error:
                    cluster.failed(name, error)
                except ShardMapError as error:
                    logger.warning("%s: the shard map is refused: %s", name, error.message)

    async def _ask(self, cluster: Cluster, name: str) -> None:
        request = kv_pb2.GetShardMapRequest().SerializeToString()
        payload = await cluster.start(name, Method.GET_SHARD_MAP, request, cluster.options.timeout)
        answer = decoded(kv_pb2.GetShardMapResponse, payload)
        if cluster.has_map and answer.epoch <= cluster.routing.epoch:
            return
        shard_map = parse_shard_map(answer.json)
        if cluster.has_map and (faults := cluster.routing.map.succession_faults(shard_map)):
            raise ShardMapError(faults)
        cluster.follow(shard_map, answer.epoch)


def _parse_address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535 or not host:
        raise ValueError(f"not HOST:PORT: {text!r}")
    return address_of(host, int(port))
