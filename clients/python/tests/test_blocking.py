"""The blocking client, and calls with many keys."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from fakes import FakeCluster, Refusal, Request, always, eventually, patient

from shardkv import AsyncClient, BatchError, Client, ShardKVError, ShardMapError, StatusCode
from shardkv.frames import Method


async def test_threads_share_a_client(cluster: FakeCluster) -> None:
    def work(client: Client, number: int) -> None:
        key = f"key-{number}"
        client.set(key, key)
        assert client.get(key) == key.encode()
        client.delete(key)

    def session() -> None:
        with Client(cluster.path, options=patient()) as client:
            threads = [threading.Thread(target=work, args=(client, number)) for number in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    async with cluster:
        await asyncio.to_thread(session)
    assert len(cluster.requests(Method.DELETE)) == 30


async def test_errors_are_those_of_the_call(cluster: FakeCluster) -> None:
    def session() -> None:
        with Client(cluster.path) as client:
            with pytest.raises(ShardKVError) as caught:
                client.get("")
            assert caught.value.code is StatusCode.INVALID_ARGUMENT
            with pytest.raises(BatchError):
                client.get_many(["key", ""])

    async with cluster:
        await asyncio.to_thread(session)


def test_a_client_that_cannot_start_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(ShardMapError):
        Client(tmp_path / "missing.json")
    assert threading.active_count() == before


async def test_a_closed_client_says_so(cluster: FakeCluster) -> None:
    async with cluster:
        client = await asyncio.to_thread(Client, cluster.path)
        await asyncio.to_thread(client.close)
        await asyncio.to_thread(client.close)
        with pytest.raises(RuntimeError, match="closed"):
            client.get("key")
        with pytest.raises(ShardKVError) as caught:
            await AsyncClient(cluster.path).get("key")
        assert caught.value.code is StatusCode.FAILED_PRECONDITION


async def test_many_keys(cluster: FakeCluster) -> None:
    async with cluster, cluster.client(options=patient()) as client:
        keys = [f"key-{number}" for number in range(300)]
        await client.set_many({key: key for key in keys})
        await client.delete_many(keys[:100])
        assert await client.get_many(keys + keys) == {key.encode(): key.encode() for key in keys[100:]}
        assert len(cluster.requests(Method.GET)) == 300


async def test_only_so_many_keys_are_under_way_at_once(cluster: FakeCluster) -> None:
    under_way = most = 0

    async def count(request: Request) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.002)
        under_way -= 1
        return b""

    async with cluster, cluster.client(options=patient(max_concurrent_keys=5)) as client:
        for node in cluster.nodes.values():
            node.script = count
        await client.get_many([str(number) for number in range(50)])
    assert most == 5


async def test_some_keys_may_fail(cluster: FakeCluster) -> None:
    refusal = Refusal(StatusCode.INVALID_ARGUMENT)
    async with cluster, cluster.client(options=patient()) as client:
        await client.set_many({"good": "x", "bad": "y"})
        for node in cluster.nodes.values():

            async def script(request: Request, node=node) -> object:  # type: ignore[no-untyped-def]
                return refusal if request.message.key == b"bad" else await node.store(request)

            node.script = script  # type: ignore[assignment]
        with pytest.raises(BatchError) as caught:
            await client.get_many(["good", "bad"])
        assert caught.value.values == {b"good": b"x"}
        assert list(caught.value.failures) == [b"bad"]
        assert caught.value.code is StatusCode.INVALID_ARGUMENT
        for call in (client.set_many({"bad": "z"}), client.delete_many(["bad"])):
            with pytest.raises(BatchError):
                await call


async def test_closing_fails_what_is_under_way(cluster: FakeCluster) -> None:
    async with cluster:
        client = cluster.client()
        async with client:
            for node in cluster.nodes.values():
                node.script = always(None)
            call = asyncio.create_task(client.set("key", "value", timeout=60))
            await eventually(lambda: len(cluster.requests(Method.SET)) >= 3)
        with pytest.raises(ShardKVError) as caught:
            await call
        assert caught.value.is_indeterminate
