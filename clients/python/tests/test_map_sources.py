"""Where the map comes from, and how changes of it arrive."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fakes import FakeCluster, eventually

from shardkv import AsyncClient, ShardKVError, ShardMapError, StatusCode
from shardkv.frames import Method


async def test_a_replaced_file_is_followed(cluster: FakeCluster) -> None:
    async with cluster:
        cluster.write_map(["n1"])
        async with cluster.client() as client:
            await client.set("key", "value")
            cluster.write_map(["n2", "n3"])
            await eventually(lambda: client.shard_map.members(1) == ("n2", "n3"))
            await client.set("key", "value")
    assert [len(node.calls(Method.SET)) for node in cluster.nodes.values()] == [1, 1, 1]


async def test_a_faulty_file_leaves_the_last_good_map_in_force(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "shardkv")
    async with cluster:
        cluster.write_map(["n1"], epoch=5)
        async with cluster.client() as client:
            for content, fault in (
                (b"{", "not JSON"),
                (cluster.map_content(["n2"], epoch=5), "epoch: 5 is not above 5"),
                (cluster.map_content(["n2"]).replace(b'"numShards": 1', b'"numShards": 2'), "would move keys"),
            ):
                cluster.path.write_bytes(content)
                await eventually(lambda fault=fault: fault in caplog.text)  # type: ignore[misc]
                await client.set("key", "value")
            cluster.path.unlink()
            await eventually(lambda: "cannot be read" in caplog.text)
            cluster.write_map(["n2"], epoch=6)
            await eventually(lambda: client.shard_map.epoch == 6)
    assert len(cluster["n1"].calls(Method.SET)) == 3


@pytest.mark.parametrize("content, fault", [(None, "cannot be read"), (b"{}", "numShards: missing")])
async def test_at_the_start_a_refused_file_is_an_error(tmp_path: Path, content: bytes | None, fault: str) -> None:
    path = tmp_path / "map.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ShardMapError, match=fault):
        async with AsyncClient(path):
            pass


async def test_nodes_tell_the_map_and_its_changes(cluster: FakeCluster) -> None:
    async with cluster:
        for node in cluster.nodes.values():
            node.shard_map, node.map_epoch = cluster.map_content(["n2"]), 7
        addresses = ["127.0.0.1:1", f"127.0.0.1:{cluster['n1'].port}"]
        async with AsyncClient(nodes=addresses) as client:
            await client.set("key", "value")
            for node in cluster.nodes.values():
                node.shard_map, node.map_epoch = cluster.map_content(["n3"]), 8
            await eventually(lambda: client.shard_map.members(1) == ("n3",))
            await client.set("key", "value")
    assert [len(node.calls(Method.SET)) for node in cluster.nodes.values()] == [0, 1, 1]


async def test_a_map_that_cannot_follow_is_refused_whoever_tells_it(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    async with cluster:
        node = cluster["n1"]
        node.shard_map, node.map_epoch = cluster.map_content(["n1"]), 7
        async with AsyncClient(nodes=[f"127.0.0.1:{node.port}"]) as client:
            node.shard_map, node.map_epoch = node.shard_map.replace(b'"numShards": 1', b'"numShards": 2'), 8
            await eventually(lambda: "would move keys" in caplog.text)
            assert client.shard_map.num_shards == 1


async def test_without_any_node_there_is_no_map() -> None:
    with pytest.raises(ShardKVError) as caught:
        async with AsyncClient(nodes=["127.0.0.1:1", "[::1]:1"]):
            pass
    assert caught.value.code is StatusCode.UNAVAILABLE
    assert len(caught.value.replica_failures) == 2


@pytest.mark.parametrize("address", ["", "host", "host:", ":1", "host:0", "host:65536", "host:x"])
def test_addresses_are_host_and_port(address: str) -> None:
    with pytest.raises(ValueError):
        AsyncClient(nodes=[address])


def test_one_source_is_given() -> None:
    for arguments in ({}, {"shard_map": "map.json", "nodes": ["h:1"]}):
        with pytest.raises(ValueError):
            AsyncClient(**arguments)  # type: ignore[arg-type]
