"""The acknowledgements of one write, and the answers of one quorum read, are of one view."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from fakes import FakeCluster, Refusal, Request, always, eventually, identifier, patient

from shardkv import Consistency, Reason, StatusCode
from shardkv.frames import Method

NO_BUDGET = patient(retry_ratio=0, retry_floor=0)
NEWER = 2**50
"""An epoch above those that files get from their time."""


def serve(cluster: FakeCluster, epoch: int, incarnations: Mapping[str, int], *nodes: str) -> None:
    for name in nodes or incarnations:
        cluster[name].view = cluster.view_of(epoch, incarnations)


async def test_the_first_write_learns_the_view_and_the_next_names_it(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=NO_BUDGET) as client:
        serve(cluster, 7, {"n1": 1, "n2": 2, "n3": 3})
        await client.set("key", "value")
        await client.set("key", "value")
        view = cluster["n1"].view
        assert view
        taken = identifier(view)
    for node in cluster.nodes.values():
        views = [request.message.view for request in node.calls(Method.SET)]
        assert set(views) <= {1, taken} and views[-2:] == [taken, taken]
    assert len({request.version for request in cluster.requests(Method.SET)}) == 2


async def test_calls_at_once_learn_the_view_together(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=NO_BUDGET) as client:
        serve(cluster, 7, {"n1": 1, "n2": 2, "n3": 3})
        await cluster.connect(client)
        writes = (client.set(f"key-{number}", "value") for number in range(20))
        reads = (client.get(f"key-{number}", consistency=Consistency.QUORUM) for number in range(20))
        await asyncio.gather(*writes, *reads)
    assert len(cluster.requests(Method.SET, Method.GET)) <= 2 * 3 * 40


async def test_a_quorum_read_names_its_view_too(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=NO_BUDGET) as client:
        serve(cluster, 7, {"n1": 1, "n2": 2, "n3": 3})
        assert await client.get("key", consistency=Consistency.QUORUM) is None
        view = cluster["n1"].view
        assert view
        assert {request.message.view for request in cluster.requests(Method.GET)} == {1, identifier(view)}


async def test_a_newer_view_drops_the_acknowledgements_and_keeps_the_version(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=NO_BUDGET) as client:
        serve(cluster, NEWER, {"n1": 1, "n2": 1, "n3": 1})
        await client.set("key", "value")
        for node in cluster.nodes.values():
            node.requests.clear()
        late = asyncio.Event()

        async def slow(request: Request) -> bytes | Refusal | None:
            await late.wait()
            return await cluster["n3"].store(request)

        cluster["n3"].script = slow
        call = asyncio.create_task(client.set("key", "value"))
        await eventually(lambda: all(node.requests for node in cluster.nodes.values()))
        serve(cluster, NEWER + 1, {"n1": 1, "n2": 1, "n3": 1})
        late.set()
        await call
        assert [len(node.requests) for node in cluster.nodes.values()] == [2, 2, 2]
        assert len({request.version for request in cluster.requests(Method.SET)}) == 1


async def test_a_newer_view_brings_its_members_and_their_addresses(cluster: FakeCluster) -> None:
    async with cluster:
        cluster.write_map(["n1", "n2"], nodes=["n1", "n2"])
        async with cluster.client(options=NO_BUDGET) as client:
            serve(cluster, NEWER, {"n2": 1, "n3": 1}, "n1", "n2", "n3")
            await client.set("key", "value")
            await client.set("key", "again")
    assert cluster["n3"].records[b"key"].value == b"again"
    assert len(cluster["n1"].calls(Method.SET)) == 1


async def test_of_the_same_epoch_the_greater_incarnation_of_each_member_counts(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=NO_BUDGET) as client:
        serve(cluster, NEWER, {"n1": 5, "n2": 1, "n3": 1}, "n1")
        serve(cluster, NEWER, {"n1": 1, "n2": 6, "n3": 1}, "n2")
        serve(cluster, NEWER, {"n1": 1, "n2": 1, "n3": 7}, "n3")
        merged = cluster.view_of(NEWER, {"n1": 5, "n2": 6, "n3": 7})
        for node in cluster.nodes.values():

            async def exchange(request: Request, node=node) -> bytes | Refusal | None:  # type: ignore[no-untyped-def]
                if request.method is Method.EXCHANGE_VIEW:
                    known = {member.node: member.incarnation for member in node.view.members}
                    told = {member.node: member.incarnation for member in request.message.members}
                    node.view = cluster.view_of(NEWER, {name: max(known[name], told[name]) for name in known})
                    return node.view.SerializeToString()  # type: ignore[no-any-return]
                return await node.store(request)  # type: ignore[no-any-return]

            node.script = exchange
        await client.set("key", "value")
    assert all(node.view == merged for node in cluster.nodes.values())
    assert all(node.calls(Method.SET)[-1].message.view == identifier(merged) for node in cluster.nodes.values())


async def test_a_server_that_is_behind_is_told(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=NO_BUDGET) as client:
        serve(cluster, NEWER + 1, {"n1": 1, "n2": 1, "n3": 1})
        await client.set("key", "value")
        serve(cluster, NEWER, {"n1": 1, "n2": 1, "n3": 1}, "n3")
        await client.set("key", "again")
        told = cluster["n3"].calls(Method.EXCHANGE_VIEW)
        assert [request.message.epoch for request in told] == [NEWER + 1]
        assert cluster["n3"].view == cluster["n1"].view
        assert cluster["n3"].records[b"key"].value == b"again"
        assert not cluster["n1"].calls(Method.EXCHANGE_VIEW)


async def test_a_view_below_the_maps_epoch_counts_if_a_server_serves_by_it(cluster: FakeCluster) -> None:
    async with cluster:
        cluster.write_map(["n2", "n3"], epoch=9)
        async with cluster.client(options=NO_BUDGET) as client:
            serve(cluster, 8, {"n1": 1, "n2": 1}, "n1", "n2", "n3")
            await client.set("key", "value")
    assert cluster["n1"].records[b"key"].value == cluster["n2"].records[b"key"].value == b"value"


async def test_a_view_counts_for_more_than_a_newer_map(cluster: FakeCluster) -> None:
    async with cluster:
        cluster.write_map(["n1", "n2"], epoch=10)
        async with cluster.client(options=NO_BUDGET) as client:
            serve(cluster, 10, {"n1": 1, "n2": 1})
            await client.set("key", "value")
            cluster.write_map(["n2", "n3"], epoch=11)
            await eventually(lambda: client.shard_map.epoch == 11)
            await client.set("key", "value")
            assert not cluster["n3"].requests
            assert all(cluster[name].calls(Method.SET)[-1].message.view > 1 for name in ("n1", "n2"))


async def test_a_new_owner_that_is_not_ready_names_the_old_ones(cluster: FakeCluster) -> None:
    async with cluster:
        cluster.write_map(["n3"], epoch=11)
        serve(cluster, 10, {"n1": 1, "n2": 1})
        cluster["n3"].script = always(
            Refusal(StatusCode.UNAVAILABLE, Reason.NOT_READY, view=cluster.view_of(10, {"n1": 1, "n2": 1}))
        )
        for consistency in (Consistency.ONE, Consistency.QUORUM):
            async with cluster.client(options=NO_BUDGET) as client:
                assert await client.get("key", consistency=consistency) is None
        async with cluster.client(options=NO_BUDGET) as client:
            await client.set("key", "value")
        assert b"key" in cluster["n1"].records and b"key" in cluster["n2"].records


@pytest.mark.parametrize("is_read", [True, False])
async def test_a_view_whose_members_are_all_gone_is_forgotten(cluster: FakeCluster, is_read: bool) -> None:
    async with cluster:
        cluster.write_map(["n1"], nodes=["n1"], epoch=5)
        async with cluster.client() as client:
            serve(cluster, 6, {"n2": 1}, "n1", "n2")
            await client.set("key", "value")
            await cluster["n2"].stop()
            cluster["n1"].view = None
            await (client.get("key") if is_read else client.set("key", "value"))
            assert len(cluster["n1"].requests) == 2


@pytest.mark.parametrize("reason", [Reason.NOT_HOSTED, Reason.MOVING])
async def test_owners_that_a_former_owner_names_are_followed(cluster: FakeCluster, reason: Reason) -> None:
    code = StatusCode.NOT_FOUND if reason is Reason.NOT_HOSTED else StatusCode.UNAVAILABLE
    async with cluster:
        cluster.write_map(["n1"], epoch=5)
        async with cluster.client(options=NO_BUDGET) as client:
            cluster["n1"].script = always(Refusal(code, reason, view=cluster.view_of(6, {"n2": 0, "n3": 0})))
            await client.set("key", "value")
    assert len(cluster["n1"].requests) == 1
    assert b"key" in cluster["n2"].records and b"key" in cluster["n3"].records
