"""Against real servers: SHARDKV_BINARY names the program."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fakes import patient

from shardkv import AsyncClient, Client, Consistency, Reason, ShardKVError, StatusCode

BINARY = os.environ.get("SHARDKV_BINARY")
pytestmark = pytest.mark.skipif(not BINARY, reason="SHARDKV_BINARY does not name the server's program")
EVERY_BYTE = bytes(range(256))
PATIENT = patient(attempt_timeout=5, retry_floor=1000)


class RealCluster:
    """Server processes on free ports of the loopback, and the map's file."""

    def __init__(self, folder: Path, nodes: int) -> None:
        assert BINARY
        self.path = folder / "map.json"
        self._folder = folder
        self.ports = free_ports(nodes)
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self._servers: dict[str, subprocess.Popen[bytes]] = {}

    def write_map(self, *shards: list[str]) -> None:
        nodes = {
            name: {"address": "127.0.0.1", "port": port} for name, port in zip(self.names, self.ports, strict=True)
        }
        document = {
            "numShards": len(shards),
            "nodes": nodes,
            "shards": {str(number): members for number, members in enumerate(shards, 1)},
        }
        replacement = self._folder / "next.json"
        replacement.write_text(json.dumps(document))
        replacement.replace(self.path)

    def start(self, *names: str) -> None:
        for name in names or self.names:
            with (self._folder / f"{name}.log").open("ab") as log:
                command = [str(BINARY), "server", "--shardmap", str(self.path), "--node", name]
                self._servers[name] = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait_ready()

    def wait_ready(self) -> None:
        command = [str(BINARY), "status", "--shardmap", str(self.path), "--wait-ready", "60"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def kill(self, name: str) -> None:
        server = self._servers.pop(name)
        server.kill()
        server.wait()

    def stop(self) -> None:
        for name in list(self._servers):
            self.kill(name)

    def shell(self, program: list[str], lines: bytes) -> bytes:
        command = [*program, "shell", "--shardmap", str(self.path)]
        return subprocess.run(command, input=lines, check=True, capture_output=True, timeout=60).stdout


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealCluster]:
    cluster = RealCluster(tmp_path, 3)
    cluster.write_map(*[cluster.names] * 4)
    cluster.start()
    yield cluster
    cluster.stop()


PYTHON = [sys.executable, "-m", "shardkv"]
SWIFT = [str(BINARY)]


def test_a_first_session(real: RealCluster) -> None:
    with Client(real.path, options=PATIENT) as client:
        assert client.get("apple") is None
        client.set("apple", "red")
        assert client.get("apple") == b"red"
        client.set("apple", "green", ttl=60)
        entry = client.get_entry("apple")
        assert entry and entry.value == b"green" and entry.ttl and 50 < entry.ttl <= 60
        client.delete("apple")
        client.delete("apple")
        assert client.get("apple") is None
        client.set("apple", "")
        assert client.get("apple") == b""


def test_keys_and_values_of_every_byte_and_size(real: RealCluster) -> None:
    options = PATIENT
    with Client(real.path, options=options) as client:
        keys = [bytes([value]) for value in range(256)] + [EVERY_BYTE, b"\0" * 65536]
        client.set_many({key: key[::-1] for key in keys})
        assert client.get_many(keys) == {key: key[::-1] for key in keys}
        for size in (0, 1, 16_383, 16_384, 1 << 20, 16 << 20):
            value = random.Random(size).randbytes(size)
            client.set("sized", value)
            assert client.get("sized") == value
            assert client.get("sized", consistency=Consistency.QUORUM) == value


def test_a_value_expires_on_all_replicas(real: RealCluster) -> None:
    with Client(real.path, options=PATIENT) as client:
        client.set("brief", "x", ttl=0.2)
        client.set("lasting", "x", ttl=600)
        assert client.get("brief", consistency=Consistency.QUORUM) in (b"x", None)
        while client.get("brief", consistency=Consistency.QUORUM) is not None:
            time.sleep(0.01)
        assert [client.get("brief") for _ in range(6)] == [None] * 6
        assert client.get("lasting") == b"x"


def test_limits_are_the_servers(real: RealCluster) -> None:
    with Client(real.path, options=PATIENT) as client:
        with pytest.raises(ShardKVError) as caught:
            client.set(bytes(65537), "x")
        assert caught.value.code is StatusCode.INVALID_ARGUMENT
        with pytest.raises(ShardKVError) as caught:
            client.set("x", bytes((64 << 20) + 70_000))
        assert caught.value.reason is Reason.TOO_LARGE
        assert not caught.value.is_indeterminate
        client.set("x", "y")
        assert client.get("x") == b"y"


def test_many_tasks_share_a_client(real: RealCluster) -> None:
    async def session() -> None:
        async with AsyncClient(real.path, options=PATIENT) as client:

            async def one(number: int) -> None:
                for turn in range(10):
                    await client.set(f"key-{number}", str(turn))
                    assert await client.get(f"key-{number}") == str(turn).encode()

            await asyncio.gather(*(one(number) for number in range(50)))

    asyncio.run(session())


def test_reads_survive_a_killed_node_and_writes_a_quorum(real: RealCluster) -> None:
    with Client(real.path, options=PATIENT) as client:
        keys = [f"key-{number}" for number in range(60)]
        client.set_many(dict.fromkeys(keys, "before"))
        real.kill("n2")
        assert client.get_many(keys) == {key.encode(): b"before" for key in keys}
        client.set_many(dict.fromkeys(keys, "after"), consistency=Consistency.QUORUM)
        assert client.get_many(keys, consistency=Consistency.QUORUM) == {key.encode(): b"after" for key in keys}
        with pytest.raises(ShardKVError) as caught:
            client.set("key-1", "all", timeout=0.3)
        assert caught.value.is_indeterminate


@contextlib.asynccontextmanager
async def under_writes(client: AsyncClient) -> AsyncIterator[dict[str, int]]:
    """Meanwhile twenty tasks write a key each, over and over; of each key, what was acknowledged last."""
    is_over = False
    written: dict[str, int] = {}

    async def write(key: str) -> None:
        turn = 0
        while not is_over:
            await client.set(key, str(turn))
            written[key] = turn
            turn += 1
            await asyncio.sleep(0.002)

    tasks = [asyncio.create_task(write(f"key-{number}")) for number in range(20)]
    yield written
    is_over = True
    await asyncio.gather(*tasks)


def test_no_acknowledged_write_is_lost_while_shards_move(real: RealCluster) -> None:
    real.write_map(["n1", "n2"], ["n1", "n2"])
    moves = [(["n2", "n3"], ["n1", "n3"]), (["n3", "n1"], ["n3", "n2"]), (["n1", "n2"], ["n1", "n2"])]

    async def session() -> None:
        async with AsyncClient(real.path, options=PATIENT) as client:
            while client.shard_map.num_shards != 2 or len(client.shard_map.members(1)) != 2:
                await asyncio.sleep(0.02)
            async with under_writes(client) as written:
                for move in moves:
                    await asyncio.sleep(0.3)
                    real.write_map(*move)
                    await asyncio.to_thread(real.wait_ready)
            for key, turn in written.items():
                assert await client.get(key) == str(turn).encode()
                assert await client.get(key, consistency=Consistency.QUORUM) == str(turn).encode()

    real.stop()
    real.start()
    asyncio.run(session())


def test_quorums_lose_no_acknowledged_write_while_nodes_restart_empty_one_by_one(real: RealCluster) -> None:
    async def session() -> None:
        quorum = Consistency.QUORUM
        async with AsyncClient(real.path, options=PATIENT, read_consistency=quorum, write_consistency=quorum) as client:
            async with under_writes(client) as written:
                for name in real.names:
                    await asyncio.sleep(0.2)
                    real.kill(name)
                    await asyncio.sleep(0.2)
                    await asyncio.to_thread(real.start, name)
            for key, turn in written.items():
                assert await client.get(key) == str(turn).encode()

    asyncio.run(session())


def test_the_shells_of_both_languages_read_each_others_values(real: RealCluster) -> None:
    quoted = b'"' + b"".join(b"\\x%02x" % byte for byte in EVERY_BYTE) + b'"'
    for key, writer, reader in ((b"by-python", PYTHON, SWIFT), (b"by-swift", SWIFT, PYTHON)):
        assert real.shell(writer, b"set %s %s\n" % (key, quoted)) == b"OK\n"
        assert real.shell(reader, b"get %s\n" % key) == real.shell(writer, b"get %s\n" % key)
    session = (
        b'set a ""\nget a\nset a OK\nget a\nset "k\\x00y" "v\\n"\nget "k\\x00y"\nget none\nset a b -5\nwhat\nget\n'
    )
    assert real.shell(PYTHON, session) == real.shell(SWIFT, session)
