"""Writes: one version to all replicas, under one view, and what the caller is told."""

from __future__ import annotations

import asyncio
import time

import pytest
from fakes import Cut, FakeCluster, Refusal, Request, always, eventually, identifier, patient, then_store

from shardkv import (
    Consistency,
    IndeterminateWriteError,
    Options,
    Reason,
    RetryBudgetExhaustedError,
    ShardKVError,
    StatusCode,
    kv_pb2,
)
from shardkv.frames import Method

NO_BUDGET = patient(retry_ratio=0, retry_floor=0)
BRIEF = Options(timeout=0.3)


async def failure_of_a_set(cluster: FakeCluster, options: Options, connects: bool = True) -> ShardKVError:
    async with cluster.client(options=options) as client:
        if connects:
            await cluster.connect(client)
        with pytest.raises(ShardKVError) as caught:
            await client.set("key", "value")
    return caught.value


async def test_all_replicas_get_one_version_and_one_deadline(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        await client.set("key", "value", ttl=60)
        await client.delete("key")
    sets, deletes = cluster.requests(Method.SET), cluster.requests(Method.DELETE)
    assert [request.node for request in sets] == [request.node for request in deletes] == ["n1", "n2", "n3"]
    assert len({request.version for request in sets}) == len({request.version for request in deletes}) == 1
    assert sets[0].version < deletes[0].version
    assert len({request.message.expires_at_ms for request in sets}) == 1
    message = sets[0].message
    assert message.expires_at_ms == message.op_clock_ms + 60_000
    assert message.version_time >> 16 == message.op_clock_ms
    assert abs(message.op_clock_ms - time.time() * 1000) < 60_000


async def test_the_clock_is_that_of_the_servers(cluster: FakeCluster) -> None:
    async with cluster:
        for node in cluster.nodes.values():
            assert node.hello
            node.hello.server_time_ms = 1_000_000
        async with cluster.client() as client:
            await client.set("key", "value")
    assert 1_000_000 <= cluster.requests(Method.SET)[0].message.version_time >> 16 < 1_100_000


async def test_a_replica_that_is_cut_off_gets_the_same_version_again(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        cuts = 0

        async def cut_once(request: Request) -> bytes | Refusal | None:
            nonlocal cuts
            cuts += 1
            if cuts == 1:
                raise Cut
            return await cluster["n2"].store(request)

        cluster["n2"].script = cut_once
        await client.set("key", "value")
    assert [len(node.calls(Method.SET)) for node in cluster.nodes.values()] == [1, 2, 1]
    assert len({request.version for request in cluster.requests(Method.SET)}) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(StatusCode.UNAVAILABLE, Reason.NOT_READY),
        Refusal(StatusCode.UNAVAILABLE, Reason.MOVING, retry_after_ms=1),
        Refusal(StatusCode.UNAVAILABLE, Reason.DRAINING),
        Refusal(StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED, retry_after_ms=1),
        Refusal(StatusCode.NOT_FOUND, Reason.NOT_HOSTED),
    ],
    ids=lambda refusal: refusal.reason.name,
)
async def test_a_trouble_that_passes_is_waited_for(cluster: FakeCluster, refusal: Refusal) -> None:
    async with cluster, cluster.client() as client:
        then_store(cluster["n2"], refusal, refusal)
        await client.set("key", "value")
    assert [len(node.calls(Method.SET)) for node in cluster.nodes.values()] == [1, 3, 1]


async def test_a_refusal_by_all_is_no_doubt(cluster: FakeCluster) -> None:
    async with cluster:
        for node in cluster.nodes.values():
            node.script = always(Refusal(StatusCode.RESOURCE_EXHAUSTED, Reason.MEMORY_FULL))
        error = await failure_of_a_set(cluster, patient())
    assert (error.code, error.reason) == (StatusCode.RESOURCE_EXHAUSTED, Reason.MEMORY_FULL)
    assert not isinstance(error, IndeterminateWriteError) and not error.is_indeterminate
    assert len(cluster.requests(Method.SET)) == len(error.replica_failures) == 3


async def test_a_refusal_by_one_leaves_a_doubt(cluster: FakeCluster) -> None:
    async with cluster:
        cluster["n3"].script = always(Refusal(StatusCode.RESOURCE_EXHAUSTED, Reason.MEMORY_FULL))
        error = await failure_of_a_set(cluster, patient())
    assert (error.code, error.reason) == (StatusCode.UNKNOWN, Reason.INDETERMINATE)
    assert isinstance(error, IndeterminateWriteError) and error.is_indeterminate
    assert [failure.node for failure in error.replica_failures] == ["n3"]


async def test_silence_leaves_a_doubt(cluster: FakeCluster) -> None:
    async with cluster:
        for node in cluster.nodes.values():
            node.script = always(None)
        error = await failure_of_a_set(cluster, BRIEF)
    assert error.is_indeterminate


async def test_no_connection_to_any_is_no_doubt(cluster: FakeCluster) -> None:
    async with cluster:
        for node in cluster.nodes.values():
            await node.stop()
        error = await failure_of_a_set(cluster, BRIEF, connects=False)
    assert error.code is StatusCode.UNAVAILABLE
    assert not isinstance(error, IndeterminateWriteError) and not error.is_indeterminate


async def test_a_replica_that_recovers_counts_for_nothing_and_leaves_a_doubt(cluster: FakeCluster) -> None:
    recovering = Refusal(StatusCode.UNAVAILABLE, Reason.NOT_READY)
    async with cluster:
        for node in cluster.nodes.values():
            node.script = always(recovering)
        error = await failure_of_a_set(cluster, BRIEF)
        assert error.is_indeterminate
        cluster["n1"].script = cluster["n2"].script = None
        assert (await failure_of_a_set(cluster, BRIEF)).is_indeterminate
        async with cluster.client(write_consistency=Consistency.QUORUM) as client:
            await client.set("key", "value")
            cluster["n1"].script = always(recovering)
            with pytest.raises(ShardKVError):
                await client.set("key", "value", timeout=0.3)


async def test_an_exhausted_budget_is_an_error_of_its_own(cluster: FakeCluster) -> None:
    async with cluster:
        cluster["n2"].script = always(Refusal(StatusCode.UNAVAILABLE, Reason.DRAINING))
        error = await failure_of_a_set(cluster, NO_BUDGET)
    assert isinstance(error, RetryBudgetExhaustedError) and isinstance(error, IndeterminateWriteError)
    assert [len(node.requests) for node in cluster.nodes.values()] == [1, 1, 1]


async def test_another_writers_version_is_stamped_above_once(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        await client.set("key", "before")
        ahead = (2**48 - 2) << 16
        for node in cluster.nodes.values():
            node.records[b"key"].version_time = ahead
            node.requests.clear()
        await client.set("key", "after")
        assert {node.records[b"key"].value for node in cluster.nodes.values()} == {b"after"}
    assert {request.version[0] for request in cluster.requests(Method.SET)} == {
        cluster.requests(Method.SET)[0].version[0], ahead + 1
    }  # fmt: skip


async def test_a_second_greater_version_is_let_win(cluster: FakeCluster) -> None:
    superseded = kv_pb2.SetResponse(current_version_time=2**64 - 1, current_version_writer=1).SerializeToString()
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.script = always(superseded)
        await client.set("key", "value")
    assert len({request.version for request in cluster.requests(Method.SET)}) == 2


@pytest.mark.parametrize(
    "code, reason",
    [(StatusCode.OUT_OF_RANGE, Reason.FUTURE), (StatusCode.FAILED_PRECONDITION, Reason.TOO_OLD)],
)
async def test_a_refused_stamp_corrects_the_clock_once(cluster: FakeCluster, code: StatusCode, reason: Reason) -> None:
    refusal = Refusal(code, reason, server_time_ms=5_000_000)

    async def refuse_other_clocks(request: Request) -> bytes | Refusal | None:
        is_right = 5_000_000 <= request.message.version_time >> 16 < 5_100_000
        return b"" if is_right else refusal

    async with cluster, cluster.client(options=NO_BUDGET) as client:
        for node in cluster.nodes.values():
            node.script = refuse_other_clocks
        await client.set("key", "value")
        assert all(node.calls(Method.SET)[-1].message.op_clock_ms >= 5_000_000 for node in cluster.nodes.values())
        assert len({request.version[1] for request in cluster.requests(Method.SET)}) == 2
        for node in cluster.nodes.values():
            node.script = always(refusal)
            node.requests.clear()
        with pytest.raises(ShardKVError) as caught:
            await client.set("key", "value")
        assert {failure.reason for failure in caught.value.replica_failures} == {reason}
        assert len({request.version for request in cluster.requests(Method.SET)}) == 2


@pytest.mark.parametrize("level, enough", [(Consistency.ONE, 1), (Consistency.QUORUM, 2), (Consistency.ALL, 3)])
async def test_a_level_waits_for_so_many(cluster: FakeCluster, level: Consistency, enough: int) -> None:
    async with cluster, cluster.client() as client:
        names = list(cluster.nodes)
        for name in names[enough:]:
            cluster[name].script = always(None)
        await client.set("key", "value", consistency=level)
        await eventually(lambda: len(cluster.requests(Method.SET)) >= 3)
        cluster[names[enough - 1]].script = always(None)
        with pytest.raises(ShardKVError) as caught:
            await client.set("key", "value", consistency=level, timeout=0.3)
        assert caught.value.is_indeterminate


async def test_replicas_that_are_not_waited_for_get_the_write_all_the_same(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        release = asyncio.Event()

        async def slow(request: Request) -> bytes | Refusal | None:
            await release.wait()
            return await cluster["n3"].store(request)

        cluster["n3"].script = slow
        await client.set("key", "value", consistency=Consistency.QUORUM)
        release.set()
        await eventually(lambda: b"key" in cluster["n3"].records)
    assert not cluster["n3"].cancelled


async def test_a_write_cancelled_on_its_way_is_in_doubt_and_cancels_its_requests(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.script = always(None)
        call = asyncio.create_task(client.set("key", "value", timeout=60))
        await eventually(lambda: len(cluster.requests(Method.SET)) >= 3)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        doubt = IndeterminateWriteError.behind(caught.value)
        assert doubt and doubt.is_indeterminate
        assert {failure.code for failure in doubt.replica_failures} == {StatusCode.CANCELLED}
        await eventually(lambda: all(node.cancelled for node in cluster.nodes.values()))


async def test_a_write_cancelled_after_an_acknowledgement_names_it(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        cluster["n2"].script = cluster["n3"].script = always(Refusal(StatusCode.UNAVAILABLE, Reason.DRAINING, 60_000))
        call = asyncio.create_task(client.set("key", "value", timeout=600))
        await eventually(lambda: len(cluster.requests(Method.SET)) >= 3 and b"key" in cluster["n1"].records)
        # An exchange with n1 later, its acknowledgement has come too.
        await client.get("key")
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        assert "acknowledged by n1" in str(IndeterminateWriteError.behind(caught.value))


async def test_a_write_cancelled_before_it_left_is_no_doubt(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.hello = None
        call = asyncio.create_task(client.set("key", "value", timeout=60))
        # Past the search for a clock, the write itself waits for connections.
        client._open.clock.observe("n1", 1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        assert IndeterminateWriteError.behind(caught.value) is None
    assert not cluster.requests(Method.SET)


async def test_a_write_cut_off_by_a_timeout_is_in_doubt(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        cluster["n2"].script = always(None)
        await cluster.connect(client)
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.3):
                await client.set("key", "value", timeout=60)
        assert IndeterminateWriteError.behind(caught.value)


async def test_many_writes_that_are_cancelled_are_in_doubt(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        cluster["n2"].script = always(None)
        call = asyncio.create_task(client.set_many({"a": "1", "b": "2"}, timeout=60))
        await eventually(lambda: len(cluster.requests(Method.SET)) >= 6)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        assert IndeterminateWriteError.behind(caught.value)


async def test_a_read_that_is_cancelled_leaves_no_doubt(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.script = always(None)
        for level in (Consistency.ONE, Consistency.QUORUM):
            asked = len(cluster.requests(Method.GET))
            call = asyncio.create_task(client.get("key", consistency=level, timeout=60))
            await eventually(lambda asked=asked: len(cluster.requests(Method.GET)) > asked)  # type: ignore[misc]
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            assert IndeterminateWriteError.behind(caught.value) is None


async def test_a_new_map_takes_a_hung_node_away(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        cluster["n3"].script = always(None)
        call = asyncio.create_task(client.set("key", "value", timeout=30))
        await eventually(lambda: bool(cluster["n3"].requests))
        cluster.write_map(["n1", "n2"])
        await call
    assert len({request.version for request in cluster.requests(Method.SET)}) == 1
    assert [len(node.calls(Method.SET)) for node in cluster.nodes.values()] == [2, 2, 1]


async def test_a_write_whose_shard_loses_its_nodes_midway_is_in_doubt(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        cluster["n3"].script = always(None)
        call = asyncio.create_task(client.set("key", "value", timeout=30))
        await eventually(lambda: bool(cluster["n3"].requests))
        cluster.write_map([])
        with pytest.raises(IndeterminateWriteError, match="no node"):
            await call
        with pytest.raises(ShardKVError) as caught:
            await client.set("key", "value")
        assert caught.value.code is StatusCode.UNAVAILABLE and not caught.value.is_indeterminate


async def test_a_negative_ttl_is_refused_without_a_request(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        with pytest.raises(ShardKVError) as caught:
            await client.set("key", "value", ttl=-0.001)
        assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert not cluster.requests(Method.SET)


async def test_a_ttl_is_rounded_up_and_saturates(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for ttl in (0.0001, 0.0015, 1e30, None, 0):
            await client.set("key", "value", ttl=ttl)
    first, second, third, fourth, fifth = (request.message for request in cluster["n1"].calls(Method.SET))
    assert first.expires_at_ms == first.op_clock_ms + 1
    assert second.expires_at_ms == second.op_clock_ms + 2
    assert third.expires_at_ms == third.op_clock_ms + 2**63 - 1
    assert fourth.expires_at_ms == fifth.expires_at_ms == 0


async def test_a_write_does_not_name_a_view_before_it_knows_one(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        await client.set("key", "value")
        assert {request.message.view for request in cluster.requests(Method.SET)} == {1}
        assert identifier(cluster.view_of(1, {"n1": 1})) > 1
