"""What each experiment does to a cluster while the stress tester loads it."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from cluster import Cluster

Contents = dict[str, list[set[str]]]
"""Of each shard, the records of each owner."""


@dataclass(frozen=True)
class Run:
    """A load, at the rates the experiment is known by, and what happens meanwhile."""

    name: str
    experiment: str
    title: str
    shard_map: str
    gets: int
    sets: int
    ttl: str
    disturb: Callable[[Cluster, float], dict[str, int]] = lambda cluster, seconds: {}
    """Called when the load begins; returns what happened when: label → milliseconds since 1970."""
    inspect: Callable[[Cluster, Contents, dict[str, int]], dict[str, float]] = lambda cluster, before, events: {}
    """Called when the load has ended, with what the cluster held before it, and what happened when; returns findings."""

    @property
    def keeps_values(self) -> bool:
        return self.ttl == "0s"


def now() -> int:
    return int(time.time() * 1000)


def keys(records: set[str]) -> set[str]:
    return {record.split()[0] for record in records}


def differing_keys(contents: Contents) -> int:
    return sum(len(keys(set.union(*owners) - set.intersection(*owners))) for owners in contents.values())


def expire(milliseconds: int) -> Callable[[Cluster, float], dict[str, int]]:
    """Sweeps free what has expired within 9 s (docs/performance.md)."""
    return lambda cluster, seconds: {
        "first values expire": now() + milliseconds,
        "swept at the latest": now() + milliseconds + 9000,
    }


def move(cluster: Cluster, seconds: float) -> dict[str, int]:
    time.sleep(seconds / 2)
    began = now()
    cluster.replace_map("migrated-4-node")
    limit = time.monotonic() + 30
    while not cluster.is_settled() and time.monotonic() < limit:
        time.sleep(0.02)
    return {"map replaced": began, "all new owners serve": now()}


def missing_after_move(cluster: Cluster, before: Contents, events: dict[str, int]) -> dict[str, float]:
    began, ended = events.values()
    contents = cluster.contents()
    missing = sum(
        len(keys(set.union(*owners)) - keys(records)) for shard, owners in before.items() for records in contents[shard]
    )
    return {
        "seconds until all new owners serve": round((ended - began) / 1000, 2),
        "keys before the move": sum(len(keys(set.union(*owners))) for owners in before.values()),
        "of them missing at a new owner": missing,
        "keys that differ between owners": differing_keys(contents),
    }


def hang(cluster: Cluster, seconds: float) -> dict[str, int]:
    time.sleep(seconds / 2)
    cluster.send_signal("n2", signal.SIGSTOP)
    return {"n2 hangs": now()}


def equal_after_hang(cluster: Cluster, before: Contents, events: dict[str, int]) -> dict[str, float]:
    del before, events
    cluster.send_signal("n2", signal.SIGCONT)
    went_on = time.monotonic()
    cluster.command("status", "--wait-ready", "30")
    first = differing = differing_keys(cluster.contents())
    while differing > 0 and time.monotonic() < went_on + 30:
        time.sleep(0.5)
        differing = differing_keys(cluster.contents())
    return {
        "keys that differ when n2 goes on": first,
        "still differing at the end": differing,
        "seconds until the replicas were seen equal": round(time.monotonic() - went_on, 1),
    }


RUNS = [
    Run("ttl-2s", "ttl", "TTL 2 s", "test-5-node", 250, 250, "2s", expire(2000)),
    Run("ttl-500ms", "ttl", "TTL 500 ms", "test-5-node", 250, 250, "500ms", expire(500)),
    Run("move", "move", "initial-4-node → migrated-4-node", "initial-4-node", 10, 10, "0s", move, missing_after_move),
    Run("read-heavy", "mix", "read-heavy", "test-5-node", 200, 10, "30s"),
    Run("write-heavy", "mix", "write-heavy", "test-5-node", 10, 50, "30s"),
    Run("hang", "hang", "a replica hangs", "initial-4-node", 200, 50, "0s", hang, equal_after_hang),
]
