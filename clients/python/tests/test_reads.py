"""Reads of one replica: which nodes are asked, how often, for how long."""

from __future__ import annotations

import asyncio

import pytest
from fakes import Cut, FakeCluster, Refusal, Request, always, eventually, patient, then_store

from shardkv import Reason, RetryBudgetExhaustedError, ShardKVError, StatusCode, kv_pb2
from shardkv.frames import Method

FOUND = kv_pb2.GetResponse(value=b"x", was_found=True).SerializeToString()


async def test_reads_are_spread_evenly(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for _ in range(30):
            assert await client.get("key") is None
    assert [len(node.calls(Method.GET)) for node in cluster.nodes.values()] == [10, 10, 10]


async def test_a_failed_replica_is_followed_by_the_others_each_at_most_once(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.script = always(Refusal(StatusCode.INTERNAL))
        with pytest.raises(ShardKVError) as caught:
            await client.get("key")
    assert caught.value.code is StatusCode.INTERNAL
    assert sorted(failure.node for failure in caught.value.replica_failures) == ["n1", "n2", "n3"]
    assert [len(node.requests) for node in cluster.nodes.values()] == [1, 1, 1]


async def test_a_request_at_fault_is_not_repeated(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.script = always(Refusal(StatusCode.INVALID_ARGUMENT))
        with pytest.raises(ShardKVError) as caught:
            await client.get("key")
    assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert len(cluster.requests(Method.GET)) == 1


async def test_an_attempt_has_a_share_of_the_deadline_while_others_are_left(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=patient(attempt_timeout=0.05)) as client:
        await cluster.connect(client)
        asked: list[Request] = []
        for node in cluster.nodes.values():

            async def script(request: Request) -> bytes | None:
                asked.append(request)
                return FOUND if len(asked) == 3 else None

            node.script = script
        assert await client.get("key") == b"x"
    assert len({request.node for request in asked}) == 3
    assert all(request.timeout_ms <= 50 for request in asked[:2])
    assert 50 < asked[2].timeout_ms <= 30_000


async def test_a_silent_node_is_asked_last_from_then_on(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=patient(attempt_timeout=0.5)) as client:
        cluster["n1"].script = always(None)
        for _ in range(12):
            await client.get("key")
        assert len(cluster["n1"].requests) == 1


async def test_a_refused_connection_costs_no_budget(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=patient(retry_ratio=0, retry_floor=0)) as client:
        await cluster["n1"].stop()
        for _ in range(6):
            assert await client.get("key") is None


async def test_an_exhausted_budget_is_an_error_of_its_own(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=patient(retry_ratio=0, retry_floor=0)) as client:
        for node in cluster.nodes.values():
            node.script = always(Refusal(StatusCode.INTERNAL))
        with pytest.raises(RetryBudgetExhaustedError) as caught:
            await client.get("key")
    assert caught.value.code is StatusCode.INTERNAL
    assert len(cluster.requests(Method.GET)) == 1


async def test_retries_are_a_tenth_of_the_requests_beyond_the_floor(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=patient(retry_floor=0)) as client:
        for node in cluster.nodes.values():
            node.script = always(Refusal(StatusCode.INTERNAL))
        for _ in range(200):
            with pytest.raises(ShardKVError):
                await client.get("key")
    assert 215 <= len(cluster.requests(Method.GET)) <= 220


async def test_a_cut_connection_is_followed_by_another_replica(cluster: FakeCluster) -> None:
    async def cut(request: Request) -> bytes:
        raise Cut

    async with cluster, cluster.client() as client:
        for name in ("n1", "n2"):
            cluster[name].script = cut
        for _ in range(3):
            assert await client.get("key") is None


async def test_owners_that_an_error_names_are_asked_at_once(cluster: FakeCluster) -> None:
    async with cluster:
        cluster.write_map(["n1"], nodes=["n1"])
        async with cluster.client(options=patient(retry_ratio=0, retry_floor=0)) as client:
            view = cluster.view_of(2**50, {"n3": 1})
            cluster["n1"].script = always(Refusal(StatusCode.NOT_FOUND, Reason.NOT_HOSTED, view=view))
            cluster["n3"].script = always(FOUND)
            assert await client.get("key") == b"x"
            assert await client.get("key") == b"x"
    assert [len(node.requests) for node in cluster.nodes.values()] == [1, 0, 2]


async def test_a_trouble_that_passes_brings_another_round(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            then_store(node, Refusal(StatusCode.UNAVAILABLE, Reason.NOT_READY, retry_after_ms=1))
        assert await client.get("key") is None
    assert len(cluster.requests(Method.GET)) == 4


async def test_a_hedge_asks_the_next_replica_and_cancels_the_slow_one(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=patient(hedge_after=0.1)) as client:
        await cluster.connect(client)
        cluster["n1"].script = always(None)
        for _ in range(3):
            assert await client.get("key") is None
        await eventually(lambda: bool(cluster["n1"].cancelled))
    assert len(cluster["n1"].requests) == 1
    assert len(cluster.requests(Method.GET)) >= 4


async def test_a_hedge_needs_the_budget(cluster: FakeCluster) -> None:
    options = patient(hedge_after=0.02, retry_ratio=0, retry_floor=0)
    async with cluster, cluster.client(options=options) as client:
        for node in cluster.nodes.values():
            node.script = always(None)
        with pytest.raises(ShardKVError):
            await client.get("key", timeout=3)
    assert len(cluster.requests(Method.GET)) == 1


async def test_the_caller_may_cancel(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.script = always(None)
        call = asyncio.create_task(client.get("key", timeout=60))
        await eventually(lambda: bool(cluster.requests(Method.GET)))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await eventually(lambda: any(node.cancelled for node in cluster.nodes.values()))


async def test_the_deadline_ends_a_call_to_nodes_that_are_silent(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.script = always(None)
        await cluster.connect(client)
        with pytest.raises(ShardKVError) as caught:
            await client.get("key", timeout=0.1)
        assert caught.value.code is StatusCode.DEADLINE_EXCEEDED
        assert not caught.value.is_indeterminate


async def test_a_read_of_one_replica_names_no_view(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        await client.get("key")
    assert cluster.requests(Method.GET)[0].message.view == 0


async def test_an_empty_key_is_refused_without_a_request(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        with pytest.raises(ShardKVError) as caught:
            await client.get(b"")
        assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert not cluster.requests(Method.GET)


async def test_a_shard_without_a_node_is_unavailable(cluster: FakeCluster) -> None:
    async with cluster:
        cluster.write_map([])
        async with cluster.client() as client:
            with pytest.raises(ShardKVError) as caught:
                await client.get("key")
            assert caught.value.code is StatusCode.UNAVAILABLE
