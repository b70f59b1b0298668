"""The asyncio client."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from . import kv_pb2
from .cluster import Cluster, Options
from .consistency import Consistency
from .errors import BatchError, IndeterminateWriteError, ShardKVError
from .map_sources import MapFile, MapServers, MapSource
from .quorum_reads import read_quorum, version_of
from .reads import ReadOne
from .shard_map import ShardMap
from .status import StatusCode
from .versions import Version
from .writes import DeleteWrite, SetWrite, Write, write

Key = str | bytes
Value = str | bytes
Result = TypeVar("Result")
MAX_TTL_MS = 2**63 - 1


@dataclass(frozen=True)
class Entry:
    """A value and what is known about it."""

    value: bytes
    ttl: float | None
    """Seconds left to live; None = never expires."""
    version: Version


class AsyncClient:
    """Gets, sets and deletes keys of a cluster. Use it in `async with`, in one event loop.

    It serves any number of tasks. Text is taken as UTF-8. All times are in seconds. Calls raise ShardKVError.
    """

    def __init__(
        self,
        shard_map: str | os.PathLike[str] | None = None,
        *,
        nodes: Sequence[str] = (),
        options: Options | None = None,
        read_consistency: Consistency = Consistency.ONE,
        write_consistency: Consistency = Consistency.ALL,
    ) -> None:
        """Routes by the shard map's file, or by the map that one of `nodes` ("HOST:PORT") tells."""
        if (shard_map is None) == (not nodes):
            raise ValueError("give either a shard map's file or addresses of nodes")
        self.options = options or Options()
        self._source: MapSource = MapFile(shard_map) if shard_map is not None else MapServers(nodes)
        self._read_consistency = _for_reads(read_consistency)
        self._write_consistency = write_consistency
        self._cluster: Cluster | None = None

    async def __aenter__(self) -> AsyncClient:
        cluster = Cluster(self.options)
        try:
            await self._source.start(cluster)
        except BaseException:
            await cluster.close()
            raise
        cluster.in_background(self._source.follow(cluster))
        self._cluster = cluster
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Fails the calls under way and closes the connections."""
        cluster, self._cluster = self._cluster, None
        if cluster:
            await cluster.close()

    @property
    def shard_map(self) -> ShardMap:
        """The map in force."""
        return self._open.routing.map

    async def get(
        self, key: Key, *, consistency: Consistency | None = None, timeout: float | None = None
    ) -> bytes | None:
        """The key's value; None if there is none."""
        response = await self._read(key, False, consistency, timeout)
        return response.value if response.was_found else None

    async def get_entry(
        self, key: Key, *, consistency: Consistency | None = None, timeout: float | None = None
    ) -> Entry | None:
        """The key's value with its time to live and its version."""
        response = await self._read(key, True, consistency, timeout)
        if not response.was_found:
            return None
        ttl = response.ttl_ms_remaining / 1000 if response.ttl_ms_remaining else None
        return Entry(response.value, ttl, version_of(response))

    async def set(
        self,
        key: Key,
        value: Value,
        *,
        ttl: float | None = None,
        consistency: Consistency | None = None,
        timeout: float | None = None,
    ) -> None:
        """Stores a value, for `ttl` seconds; None or 0 = until it is replaced or deleted."""
        ttl_ms = _milliseconds(ttl)
        data = _bytes(value)
        await self._write(key, lambda cluster, key: SetWrite(cluster.clock, key, data, ttl_ms), consistency, timeout)

    async def delete(self, key: Key, *, consistency: Consistency | None = None, timeout: float | None = None) -> None:
        """Removes a key; whether it was there does not matter."""
        await self._write(key, lambda cluster, key: DeleteWrite(cluster.clock, key), consistency, timeout)

    async def get_many(
        self, keys: Iterable[Key], *, consistency: Consistency | None = None, timeout: float | None = None
    ) -> dict[bytes, bytes]:
        """The values of those keys that have one. If some fail, raises BatchError, which holds the other values."""
        values, failures = await self._each(keys, lambda key: self.get(key, consistency=consistency, timeout=timeout))
        found = {key: value for key, value in values.items() if value is not None}
        if failures:
            raise BatchError(failures, found)
        return found

    async def set_many(
        self,
        values: Mapping[Key, Value] | Mapping[str, Value] | Mapping[bytes, Value],
        *,
        ttl: float | None = None,
        consistency: Consistency | None = None,
        timeout: float | None = None,
    ) -> None:
        """Stores values, each by itself. Raises BatchError if some keys fail; the others are stored."""
        data = {_bytes(key): _bytes(value) for key, value in values.items()}
        _, failures = await self._each(
            data, lambda key: self.set(key, data[key], ttl=ttl, consistency=consistency, timeout=timeout)
        )
        if failures:
            raise BatchError(failures)

    async def delete_many(
        self, keys: Iterable[Key], *, consistency: Consistency | None = None, timeout: float | None = None
    ) -> None:
        """Removes keys, each by itself. Raises BatchError if some fail; the others are removed."""
        _, failures = await self._each(keys, lambda key: self.delete(key, consistency=consistency, timeout=timeout))
        if failures:
            raise BatchError(failures)

    @property
    def _open(self) -> Cluster:
        if self._cluster is None:
            raise ShardKVError(StatusCode.FAILED_PRECONDITION, "the client is not open; use it in `async with`")
        return self._cluster

    async def _read(
        self, key: Key, with_metadata: bool, consistency: Consistency | None, timeout: float | None
    ) -> kv_pb2.GetResponse:
        cluster, data, deadline = self._begin(key, timeout)
        shard = cluster.routing.map.shard_of(data)
        if _for_reads(consistency or self._read_consistency) is Consistency.QUORUM:
            return await read_quorum(cluster, shard, data, deadline)
        request = kv_pb2.GetRequest(key=data, with_metadata=with_metadata)
        return await ReadOne(cluster, shard, request, deadline).run()

    async def _write(
        self,
        key: Key,
        make: Callable[[Cluster, bytes], Write],
        consistency: Consistency | None,
        timeout: float | None,
    ) -> None:
        cluster, data, deadline = self._begin(key, timeout)
        shard = cluster.routing.map.shard_of(data)
        if not cluster.clock.has_estimate:
            await cluster.find_clock(cluster.route(shard).members, deadline - asyncio.get_running_loop().time())
        await write(cluster, shard, make(cluster, data), consistency or self._write_consistency, deadline)

    def _begin(self, key: Key, timeout: float | None) -> tuple[Cluster, bytes, float]:
        data = _bytes(key)
        if not data:
            raise ShardKVError(StatusCode.INVALID_ARGUMENT, "the key is empty")
        deadline = asyncio.get_running_loop().time() + (self.options.timeout if timeout is None else timeout)
        return self._open, data, deadline

    async def _each(
        self, keys: Iterable[Key], call: Callable[[bytes], Awaitable[Result]]
    ) -> tuple[dict[bytes, Result], dict[bytes, ShardKVError]]:
        """Calls for each key, so many at once."""
        free = asyncio.Semaphore(self.options.max_concurrent_keys)
        values: dict[bytes, Result] = {}
        failures: dict[bytes, ShardKVError] = {}
        doubts: list[IndeterminateWriteError] = []

        async def one(key: bytes) -> None:
            async with free:
                try:
                    values[key] = await call(key)
                except ShardKVError as error:
                    failures[key] = error
                except asyncio.CancelledError as cancelled:
                    if doubt := IndeterminateWriteError.behind(cancelled):
                        doubts.append(doubt)
                    raise

        try:
            async with asyncio.TaskGroup() as tasks:
                for key in dict.fromkeys(_bytes(key) for key in keys):
                    tasks.create_task(one(key))
        except asyncio.CancelledError as cancelled:
            raise cancelled from next(iter(doubts), None)
        return values, failures


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _milliseconds(ttl: float | None) -> int:
    """Rounded up, so that a short time does not become none."""
    if not ttl:
        return 0
    if math.isnan(ttl):
        raise ShardKVError(StatusCode.INVALID_ARGUMENT, "the TTL is not a number")
    if ttl < 0:
        raise ShardKVError(StatusCode.INVALID_ARGUMENT, f"the TTL is negative: {ttl * 1000:g} ms")
    return MAX_TTL_MS if ttl > MAX_TTL_MS / 1000 else math.ceil(round(ttl * 1000, 3))


def _for_reads(consistency: Consistency) -> Consistency:
    if consistency is Consistency.ALL:
        raise ValueError("reads are of one replica or of a quorum")
    return consistency
