"""What one client writes, each other one reads: Python, Swift's shell, and C, on a real server."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from fakes import patient
from test_real_cluster import BINARY, EVERY_BYTE, RealCluster

from shardkv import Client
from shardkv.quoting import quoted

pytestmark = pytest.mark.skipif(not BINARY, reason="SHARDKV_BINARY does not name the server's program")
C_CLIENT = Path(__file__).parents[2] / "c"
# The shell quotes each of these, so a reply is one line that is known in advance.
VALUES = [
    b"", b"\0", b"OK", EVERY_BYTE,
    *(random.Random(size).randbytes(size) for size in (16_383, 65_536, 1 << 20, 16 << 20)),
]  # fmt: skip


class Store(Protocol):
    def write(self, key: bytes, value: bytes) -> None: ...

    def holds(self, key: bytes, value: bytes) -> bool: ...


class InPython:
    def __init__(self, cluster: RealCluster) -> None:
        self._path = cluster.path

    def write(self, key: bytes, value: bytes) -> None:
        with Client(self._path, options=patient()) as client:
            client.set(key, value, timeout=60)

    def holds(self, key: bytes, value: bytes) -> bool:
        with Client(self._path, options=patient()) as client:
            return client.get(key, timeout=60) == value


class InSwift:
    def __init__(self, cluster: RealCluster) -> None:
        self._command = [str(BINARY), "shell", "--timeout", "60s", "--shardmap", str(cluster.path)]

    def write(self, key: bytes, value: bytes) -> None:
        assert self._reply(b"set %s %s\n" % (quoted(key), quoted(value))) == b"OK\n"

    def holds(self, key: bytes, value: bytes) -> bool:
        return self._reply(b"get %s\n" % quoted(key)) == quoted(value) + b"\n"

    def _reply(self, line: bytes) -> bytes:
        return subprocess.run(self._command, input=line, check=True, capture_output=True, timeout=120).stdout


class InC:
    def __init__(self, cluster: RealCluster, program: Path, folder: Path) -> None:
        self._command = [str(program), "127.0.0.1", str(cluster.ports[0])]
        self._key = folder / "key"

    def write(self, key: bytes, value: bytes) -> None:
        self._run("set", key, value)

    def holds(self, key: bytes, value: bytes) -> bool:
        return self._run("get", key) == value

    def _run(self, action: str, key: bytes, value: bytes = b"") -> bytes:
        self._key.write_bytes(key)
        command = [*self._command, action, str(self._key)]
        return subprocess.run(command, input=value, check=True, capture_output=True, timeout=120).stdout


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[dict[str, Store]]:
    """The three clients of a cluster of one server: the C client talks to one."""
    build = tmp_path / "c"
    subprocess.run(["make", "-C", C_CLIENT, "--silent", f"BUILD={build}", str(build / "bytes")], check=True)
    cluster = RealCluster(tmp_path, 1)
    cluster.write_map(*[cluster.names] * 4)
    try:
        cluster.start()
        yield {"python": InPython(cluster), "swift": InSwift(cluster), "c": InC(cluster, build / "bytes", tmp_path)}
    finally:
        cluster.stop()


def test_a_value_of_each_client_reads_back_through_each_other_one(stores: dict[str, Store]) -> None:
    for writer, store in stores.items():
        for number, value in enumerate(VALUES):
            key = EVERY_BYTE + writer.encode() + bytes([number])
            store.write(key, value)
            readers = [reader for reader, other in stores.items() if not other.holds(key, value)]
            assert readers == [], f"{len(value)} bytes that {writer} wrote"
