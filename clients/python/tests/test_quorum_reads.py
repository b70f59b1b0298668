"""Quorum reads: the greatest version of a majority, and the repair of replicas that hold less."""

from __future__ import annotations

import pytest
from fakes import FakeCluster, always, eventually, patient

from shardkv import Consistency, ShardKVError, kv_pb2
from shardkv.frames import Method


def record(value: bytes, time: int, writer: int = 1, expires_at_ms: int = 0) -> kv_pb2.GetResponse:
    return kv_pb2.GetResponse(
        value=value, was_found=True, version_time=time, version_writer=writer, expires_at_ms=expires_at_ms
    )


async def test_the_greatest_version_counts_and_stale_replicas_get_it(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(read_consistency=Consistency.QUORUM) as client:
        cluster["n1"].records[b"key"] = record(b"old", 1, 9)
        cluster["n2"].records[b"key"] = record(b"new", 2, 1, expires_at_ms=2**60)
        cluster["n3"].script = always(None)
        assert await client.get("key") == b"new"
        entry = await client.get_entry("key")
        assert entry and entry.version == (2, 1)
        cluster["n3"].records[b"key"] = record(b"older", 1, 1)
        cluster["n3"].script = None
        assert await client.get("key") == b"new"
        await eventually(lambda: all(node.records[b"key"].value == b"new" for node in cluster.nodes.values()))
    repair = cluster["n1"].calls(Method.SET)[0]
    assert (repair.version, repair.message.value, repair.message.expires_at_ms) == ((2, 1), b"new", 2**60)
    assert not cluster["n2"].calls(Method.SET)


async def test_a_deletion_counts_and_is_repaired_as_one(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(read_consistency=Consistency.QUORUM) as client:
        deleted = kv_pb2.GetResponse(version_time=2, version_writer=1, kind=kv_pb2.DELETED)
        cluster["n1"].records[b"key"] = deleted
        cluster["n2"].records[b"key"] = deleted
        cluster["n3"].records[b"key"] = record(b"old", 1)
        assert await client.get("key") is None
        await eventually(lambda: bool(cluster["n3"].calls(Method.DELETE)))
    assert cluster["n3"].calls(Method.DELETE)[0].version == (2, 1)


async def test_what_has_expired_is_not_written_without_its_value(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(read_consistency=Consistency.QUORUM) as client:
        expired = kv_pb2.GetResponse(version_time=2, version_writer=1, kind=kv_pb2.EXPIRED, expires_at_ms=2**60)
        cluster["n1"].records[b"key"] = expired
        cluster["n2"].records[b"key"] = expired
        cluster["n3"].records[b"key"] = record(b"old", 1)
        assert await client.get("key") is None
        cluster["n1"].records[b"key"] = cluster["n2"].records[b"key"] = record(b"new", 3)
        assert await client.get("key") == b"new"
        await eventually(lambda: bool(cluster["n3"].calls(Method.SET)))
    assert [call.message.value for call in cluster.requests(Method.SET)] == [b"new"]


async def test_of_equal_times_the_greater_writer_counts(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(read_consistency=Consistency.QUORUM) as client:
        for number, node in enumerate(cluster.nodes.values()):
            node.records[b"key"] = record(b"%d" % number, 5, 2**63 - number)
        cluster["n3"].script = always(None)
        assert await client.get("key") == b"0"


async def test_equal_replicas_are_left_alone(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(read_consistency=Consistency.QUORUM) as client:
        await client.set("key", "value")
        await client.get("key")
        await client.get("key")
    assert len(cluster.requests(Method.SET)) == 3


async def test_without_a_budget_nothing_is_repaired(cluster: FakeCluster) -> None:
    options = patient(retry_ratio=0, retry_floor=0)
    async with cluster, cluster.client(read_consistency=Consistency.QUORUM, options=options) as client:
        cluster["n1"].records[b"key"] = record(b"new", 2)
        for _ in range(3):
            await client.get("key")
    assert not cluster.requests(Method.SET)


async def test_a_minority_is_not_enough(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(read_consistency=Consistency.QUORUM) as client:
        cluster["n1"].script = cluster["n2"].script = always(None)
        await cluster.connect(client)
        with pytest.raises(ShardKVError) as caught:
            await client.get("key", timeout=0.1)
        assert not caught.value.is_indeterminate


async def test_a_read_of_all_is_not_offered(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        with pytest.raises(ValueError):
            await client.get("key", consistency=Consistency.ALL)


async def test_a_quorum_read_after_a_quorum_write_sees_it_whichever_replica_is_gone(cluster: FakeCluster) -> None:
    async with cluster:
        for number, gone in enumerate(cluster.nodes.values()):
            async with cluster.client() as client:
                await client.set("key", str(number), consistency=Consistency.QUORUM)
                gone.script = always(None)
                assert await client.get("key", consistency=Consistency.QUORUM) == b"%d" % number
                gone.script = None
