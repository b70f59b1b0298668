"""A cluster on free loopback ports, watched from outside while it runs."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ["SHARDKV_BINARY"]
SAMPLE_SECONDS = 0.2


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all held at once, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """The servers of a shard map, started by scripts/run-cluster.sh; stops them on exit."""

    def __init__(self, directory: Path, map_name: str) -> None:
        self.directory = directory
        self.map = directory / "shardmap.json"
        names = json.loads(self._stored(map_name))["nodes"]
        self._ports = dict(zip(names, free_ports(len(names))))
        self.replace_map(map_name)

    def __enter__(self) -> "Cluster":
        command = [str(ROOT / "scripts/run-cluster.sh"), str(self.map)]
        self._script = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=os.environ | {"TMPDIR": str(self.directory)}
        )
        try:
            if self._script.stdout is None or self._script.stdout.readline() != "ready\n":
                raise SystemExit("error: the cluster did not start")
            self.processes = self._servers()
        except BaseException:
            self.__exit__()
            raise
        self.samples: list[dict] = []
        self._is_over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "_sampler"):
            self._is_over.set()
            self._sampler.join()
        self._script.terminate()
        self._script.wait()

    @staticmethod
    def _stored(map_name: str) -> str:
        return (ROOT / "shardmaps" / f"{map_name}.json").read_text()

    def replace_map(self, map_name: str) -> None:
        """As an operator does: a new file in the old one's place."""
        content = json.loads(self._stored(map_name))
        for name, node in content["nodes"].items():
            node["port"] = self._ports[name]
        self.owners: dict[str, list[str]] = content["shards"]
        fresh = self.map.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.rename(self.map)

    def command(self, *arguments: str, timeout: float = 60) -> str:
        result = subprocess.run(
            [BINARY, *arguments, "--shardmap", str(self.map)], capture_output=True, text=True, timeout=timeout, check=False
        )
        if result.returncode != 0:
            raise SystemExit(f"error: shardkv {' '.join(arguments)}: {result.stderr or result.stdout}")
        return result.stdout

    def is_settled(self) -> bool:
        """Whether each shard is served by the owners that the map names, and by them alone."""
        command = [BINARY, "status", "--json", "--shardmap", str(self.map)]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
        serving: dict[str, set[str]] = {shard: set() for shard in self.owners}
        for node in json.loads(answer)["nodes"]:
            for shard in node.get("shards", []):
                serving[str(shard["shard"])].add(node["node"] if shard["state"] == "serving" else shard["state"])
        return all(serving[shard] == set(owners) for shard, owners in self.owners.items())

    def stress(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [BINARY, "stress", "--shardmap", str(self.map), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def contents(self) -> dict[str, list[set[str]]]:
        """Of each shard, what each of its owners holds."""
        return {
            shard: [set(self.command("contents", shard, "--node", owner).splitlines()) for owner in owners]
            for shard, owners in self.owners.items()
        }

    def send_signal(self, node: str, number: signal.Signals) -> None:
        os.kill(self.processes[node], number)

    def _servers(self) -> dict[str, int]:
        """The servers among the script's children, by node."""
        found = {}
        for process in Path(f"/proc/{self._script.pid}/task/{self._script.pid}/children").read_text().split():
            try:
                words = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
            except FileNotFoundError:
                # One of the script's pauses, which has ended.
                continue
            for word in words:
                if word.startswith("--node="):
                    found[word.removeprefix("--node=")] = int(process)
        return found

    def _sample(self) -> None:
        page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
        while not self._is_over.wait(SAMPLE_SECONDS):
            sample: dict = {"unix_ms": int(time.time() * 1000), "resident_bytes": 0, "cpu_seconds": {}}
            for node, process in self.processes.items():
                sample["resident_bytes"] += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * page
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                sample["cpu_seconds"][node] = (int(fields[11]) + int(fields[12])) / tick
            self.samples.append(sample)
