"""A read of a majority: the greatest version that any of them holds, and the repair of those that hold less."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from . import kv_pb2
from .cluster import Cluster
from .consistency import Consistency
from .errors import ReplicaError, decoded
from .fanout import FanOut
from .frames import Method
from .versions import NO_VERSION, Version

logger = logging.getLogger("shardkv")


def version_of(response: kv_pb2.GetResponse) -> Version:
    return Version(response.version_time, response.version_writer)


@dataclass
class _QuorumRequest:
    key: bytes
    method: Method = Method.GET
    is_write: bool = False

    def encode(self, view: int) -> bytes:
        return kv_pb2.GetRequest(key=self.key, view=view, with_metadata=True).SerializeToString()

    def decode(self, payload: bytes) -> kv_pb2.GetResponse:
        return decoded(kv_pb2.GetResponse, payload)

    def is_renewed_by(self, node: str, response: kv_pb2.GetResponse) -> bool:
        return False

    def is_renewed_by_error(self, node: str, error: ReplicaError) -> bool:
        return False


async def read_quorum(cluster: Cluster, shard: int, key: bytes, deadline: float) -> kv_pb2.GetResponse:
    """Raises ShardKVError if no majority answered under one view."""
    fan_out = FanOut(cluster, shard, _QuorumRequest(key), Consistency.QUORUM, deadline)
    responses = await fan_out.run()
    greatest = max(responses.values(), key=version_of)
    cluster.in_background(_repair(cluster, key, fan_out))
    return greatest


async def _repair(cluster: Cluster, key: bytes, fan_out: FanOut[kv_pb2.GetResponse]) -> None:
    """Writes the greatest version to the replicas that hold a lesser one, as far as the budget for retries allows."""
    responses = await fan_out.leftover()
    greatest = max(responses.values(), key=version_of)
    # An expired record's value is gone: a replica whose clock is behind would take nothing for it. Servers repair that.
    if version_of(greatest) == NO_VERSION or greatest.kind == kv_pb2.EXPIRED:
        return
    cluster.clock.raise_above(version_of(greatest))
    stale = [node for node, response in responses.items() if version_of(response) < version_of(greatest)]
    for node in stale:
        if not cluster.budget.withdraw():
            return
        method, payload = _copy(key, greatest, fan_out.route.view_identifier)
        try:
            await cluster.start(node, method, payload, cluster.options.timeout)
        except ReplicaError as error:
            logger.debug("%s was not repaired: %s", node, error)


def _copy(key: bytes, record: kv_pb2.GetResponse, view: int) -> tuple[Method, bytes]:
    """The write that brings a replica what another one holds."""
    time, writer = version_of(record)
    if record.kind == kv_pb2.DELETED:
        request = kv_pb2.DeleteRequest(key=key, view=view, version_time=time, version_writer=writer)
        return Method.DELETE, request.SerializeToString()
    return Method.SET, kv_pb2.SetRequest(
        key=key,
        value=record.value,
        view=view,
        version_time=time,
        version_writer=writer,
        expires_at_ms=record.expires_at_ms,
    ).SerializeToString()
