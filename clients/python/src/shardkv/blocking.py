"""The blocking client: the asyncio client on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

from .client import AsyncClient, Entry, Key, Value
from .cluster import Options
from .consistency import Consistency
from .shard_map import ShardMap

Result = TypeVar("Result")


class Client:
    """Gets, sets and deletes keys of a cluster. Any number of threads may share one; close it, or use it in `with`.

    The calls are those of AsyncClient.
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
        self._client = AsyncClient(
            shard_map,
            nodes=nodes,
            options=options,
            read_consistency=read_consistency,
            write_consistency=write_consistency,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="shardkv", daemon=True)
        self._thread.start()
        self._lock = threading.Lock()
        self._is_closed = False
        try:
            self._run(self._client.__aenter__())
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fails the calls under way and closes the connections."""
        with self._lock:
            if self._is_closed:
                return
            self._run(self._client.close())
            self._stop()

    @property
    def shard_map(self) -> ShardMap:
        """The map in force."""
        return self._client.shard_map

    def get(self, key: Key, *, consistency: Consistency | None = None, timeout: float | None = None) -> bytes | None:
        """The key's value; None if there is none."""
        return self._run(self._client.get(key, consistency=consistency, timeout=timeout))

    def get_entry(
        self, key: Key, *, consistency: Consistency | None = None, timeout: float | None = None
    ) -> Entry | None:
        """The key's value with its time to live and its version."""
        return self._run(self._client.get_entry(key, consistency=consistency, timeout=timeout))

    def set(
        self,
        key: Key,
        value: Value,
        *,
        ttl: float | None = None,
        consistency: Consistency | None = None,
        timeout: float | None = None,
    ) -> None:
        """Stores a value, for `ttl` seconds; None or 0 = until it is replaced or deleted."""
        self._run(self._client.set(key, value, ttl=ttl, consistency=consistency, timeout=timeout))

    def delete(self, key: Key, *, consistency: Consistency | None = None, timeout: float | None = None) -> None:
        """Removes a key; whether it was there does not matter."""
        self._run(self._client.delete(key, consistency=consistency, timeout=timeout))

    def get_many(
        self, keys: Iterable[Key], *, consistency: Consistency | None = None, timeout: float | None = None
    ) -> dict[bytes, bytes]:
        """The values of those keys that have one."""
        return self._run(self._client.get_many(keys, consistency=consistency, timeout=timeout))

    def set_many(
        self,
        values: Mapping[Key, Value] | Mapping[str, Value] | Mapping[bytes, Value],
        *,
        ttl: float | None = None,
        consistency: Consistency | None = None,
        timeout: float | None = None,
    ) -> None:
        """Stores values, each by itself."""
        self._run(self._client.set_many(values, ttl=ttl, consistency=consistency, timeout=timeout))

    def delete_many(
        self, keys: Iterable[Key], *, consistency: Consistency | None = None, timeout: float | None = None
    ) -> None:
        """Removes keys, each by itself."""
        self._run(self._client.delete_many(keys, consistency=consistency, timeout=timeout))

    def _run(self, work: Coroutine[object, object, Result]) -> Result:
        """Waits for it in this thread; what interrupts the wait cancels the call, and leaves a write in doubt."""
        if self._is_closed:
            work.close()
            raise RuntimeError("the client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _stop(self) -> None:
        self._is_closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
