"""Sets and deletes: stamped once, sent to all replicas."""

from __future__ import annotations

from abc import ABC, abstractmethod

from . import kv_pb2
from .cluster import Cluster
from .consistency import Consistency
from .errors import ReplicaError, decoded
from .fanout import FanOut
from .frames import Method
from .versions import NO_VERSION, Version, VersionClock, expiry

WriteResponse = kv_pb2.SetResponse | kv_pb2.DeleteResponse


class Write(ABC):
    """All replicas and all retries get one version.

    It is stamped anew once if a greater one was in place, and once if a server refused it.
    """

    method: Method
    is_write = True

    def __init__(self, clock: VersionClock, key: bytes) -> None:
        self._clock = clock
        self._was_superseded = False
        self._was_refused = False
        self.key = key
        self.stamp = clock.stamp()

    @abstractmethod
    def encode(self, view: int) -> bytes: ...

    @abstractmethod
    def decode(self, payload: bytes) -> WriteResponse: ...

    def is_renewed_by(self, node: str, response: WriteResponse) -> bool:
        """Another write's version was in place: a write that begins after another was acknowledged must win."""
        current = Version(response.current_version_time, response.current_version_writer)
        if current == NO_VERSION or self._was_superseded:
            return False
        self._was_superseded = True
        self._clock.raise_above(current)
        self.stamp = self._clock.stamp()
        return True

    def is_renewed_by_error(self, node: str, error: ReplicaError) -> bool:
        """The server's clock is another than was believed."""
        if self._was_refused:
            return False
        self._was_refused = True
        self._clock.correct(node, error.server_time_ms)
        self.stamp = self._clock.stamp()
        return True


class SetWrite(Write):
    method = Method.SET

    def __init__(self, clock: VersionClock, key: bytes, value: bytes, ttl_ms: int) -> None:
        super().__init__(clock, key)
        self._value = value
        self._ttl_ms = ttl_ms

    def encode(self, view: int) -> bytes:
        version, clock_ms = self.stamp
        return kv_pb2.SetRequest(
            key=self.key,
            value=self._value,
            view=view,
            version_time=version.time,
            version_writer=version.writer,
            expires_at_ms=expiry(self._ttl_ms, clock_ms),
            op_clock_ms=clock_ms,
        ).SerializeToString()

    def decode(self, payload: bytes) -> kv_pb2.SetResponse:
        return decoded(kv_pb2.SetResponse, payload)


class DeleteWrite(Write):
    method = Method.DELETE

    def encode(self, view: int) -> bytes:
        version, clock_ms = self.stamp
        return kv_pb2.DeleteRequest(
            key=self.key,
            view=view,
            version_time=version.time,
            version_writer=version.writer,
            op_clock_ms=clock_ms,
        ).SerializeToString()

    def decode(self, payload: bytes) -> kv_pb2.DeleteResponse:
        return decoded(kv_pb2.DeleteResponse, payload)


async def write(cluster: Cluster, shard: int, request: Write, level: Consistency, deadline: float) -> None:
    """Raises ShardKVError unless enough replicas took the write."""
    fan_out: FanOut[WriteResponse] = FanOut(cluster, shard, request, level, deadline)
    await fan_out.run()
    if level is not Consistency.ALL:
        cluster.in_background(_finish(fan_out))


async def _finish(fan_out: FanOut[WriteResponse]) -> None:
    """The replicas that were not waited for get the write too."""
    await fan_out.leftover()
