#!/usr/bin/env python3
"""Puts faults into copies of this client, one at a time, and shows by which expectations of a scenario each is caught.

SHARDKV_BINARY=PROGRAM plays the scenarios. Prints a table in Markdown; the exit code is 1 if a fault went unnoticed.
mutations.py WORDS… tries only those faults whose name holds one of the words.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

CLIENT = Path(__file__).parents[1]
SCENARIOS = CLIENT.parents[1] / "proto" / "conformance" / "scenarios"
AT_ONCE = 3
"""Most of a scenario is waiting."""


class Mutation(NamedTuple):
    """In this file of the package, one text stands in place of another."""

    fault: str
    scenario: str
    """That catches it; others may too."""
    file: str
    right: str
    wrong: str


KEPT_ACKNOWLEDGEMENTS = (
    "fanout.py",
    "self._replicas = {node: _Replica(node) for node in self.route.members}\n"
    "        for node in self.route.members:\n            self._send(node)",
    "self._replicas = {node: self._replicas.get(node, _Replica(node)) for node in self.route.members}\n"
    "        for node in self.route.members:\n"
    "            if self._replicas[node].response is None:\n                self._send(node)",
)
"""A new phase of a write does not send to those that have acknowledged an earlier one."""

MUTATIONS = [
    Mutation(
        "wrong hash: FNV-1a in place of FNV-1",
        "routing",
        "hashing.py",
        "value = value * 16777619 & 0xFFFFFFFF ^ byte",
        "value = (value ^ byte) * 16777619 & 0xFFFFFFFF",
    ),
    Mutation(
        "a failed read asks the same node again",
        "internal-error",
        "reads.py",
        "node = self._candidates.pop(0)",
        "node = next(iter(self._asked), self._candidates[0])\n        self._candidates.pop(0)",
    ),
    Mutation(
        "ignored deadline: a call takes five times as long as it may",
        "healthy",
        "client.py",
        "(self.options.timeout if timeout is None else timeout)",
        "5 * (self.options.timeout if timeout is None else timeout)",
    ),
    Mutation(
        "the server is not told how long its caller waits",
        "healthy",
        "connection.py",
        "method, request_id, timeout_ms, payload",
        "method, request_id, 0, payload",
    ),
    Mutation(
        "dropped version: the servers stamp a write",
        "healthy",
        "writes.py",
        "version_time=version.time,\n            version_writer=version.writer,\n            expires",
        "expires",
    ),
    Mutation(
        "each attempt of a write has a version of its own",
        "cut-connection",
        "writes.py",
        "version, clock_ms = self.stamp\n        return kv_pb2.SetRequest",
        "version, clock_ms = self._clock.stamp()\n        return kv_pb2.SetRequest",
    ),
    Mutation(
        "a write goes to one replica only",
        "healthy",
        "fanout.py",
        "self._replicas = {node: _Replica(node) for node in self.route.members}\n"
        "        for node in self.route.members:",
        "self._replicas = {node: _Replica(node) for node in self.route.members[:1]}\n"
        "        for node in self.route.members[:1]:",
    ),
    Mutation(
        "a write succeeds with its first acknowledgement",
        "refused-connection",
        "fanout.py",
        "needed = self._level.needed(len(self._replicas))",
        "needed = 1",
    ),
    Mutation(
        "no backoff",
        "backoff",
        "retries.py",
        "return error.retry_after_ms / 1000 + uniform(0, min(longest, FIRST_WAIT * 2 ** min(attempt, 16)))",
        "return error.retry_after_ms / 1000",
    ),
    Mutation(
        "the server's retry-after is ignored",
        "moving",
        "retries.py",
        "return error.retry_after_ms / 1000 + uniform",
        "return uniform",
    ),
    Mutation(
        "wrong view: the identifier leaves out the incarnations",
        "view-change",
        "hashing.py",
        'name + b"\\0" + struct.pack("<Q", incarnation)',
        'name + b"\\0"',
    ),
    Mutation(
        "mixed writes: acknowledgements of an earlier version count for the later one",
        "superseded",
        *KEPT_ACKNOWLEDGEMENTS,
    ),
    Mutation(
        "mixed views: acknowledgements by an older view count for the newer one",
        "two-views",
        *KEPT_ACKNOWLEDGEMENTS,
    ),
    Mutation(
        "a server that is behind is not told the newer view",
        "two-views",
        "fanout.py",
        "if lesson is Lesson.OLDER:",
        "if False:",
    ),
    Mutation(
        "the view in an error is ignored",
        "redirect",
        "cluster.py",
        "return Lesson.SAME if error.view is None else self.learn(error.view)",
        "return Lesson.SAME",
    ),
    Mutation(
        "no stamp anew above the version in place",
        "superseded",
        "writes.py",
        "if current == NO_VERSION or self._was_superseded:",
        "if True:",
    ),
    Mutation(
        "no stamp anew by the server's clock",
        "too-old",
        "writes.py",
        "if self._was_refused:",
        "if True:",
    ),
    Mutation(
        "the local clock, whatever the servers' is",
        "time-to-live",
        "versions.py",
        "self._offset_ms = ordered[(len(ordered) - 1) // 2]",
        "pass",
    ),
    Mutation(
        "each replica counts the time to live for itself",
        "time-to-live",
        "writes.py",
        "expires_at_ms=expiry(self._ttl_ms, clock_ms)",
        "ttl_ms=self._ttl_ms",
    ),
    Mutation(
        "answers are matched by their order",
        "noise",
        "connection.py",
        "answer, timer = self._calls.pop(frame.request_id, (None, None))",
        "answer, timer = self._calls.pop(next(iter(self._calls), 0), (None, None))",
    ),
    Mutation(
        "a missing key is an error, which another replica may not have",
        "missing-is-an-answer",
        "reads.py",
        "response = decoded(kv_pb2.GetResponse, answer.result())",
        "response = decoded(kv_pb2.GetResponse, answer.result())\n"
        "                    if not response.was_found and self._candidates:\n"
        '                        raise ReplicaError(StatusCode.NOT_FOUND, "no such key")',
    ),
    Mutation(
        "what no repetition mends is repeated",
        "final-errors",
        "errors.py",
        "return self.code is StatusCode.INVALID_ARGUMENT",
        "return False",
    ),
]


def apply(mutation: Mutation, package: Path) -> None:
    path = package / mutation.file
    source = path.read_text()
    if source.count(mutation.right) != 1:
        raise SystemExit(f"error: {mutation.file} does not have once what {mutation.fault!r} replaces")
    path.write_text(source.replace(mutation.right, mutation.wrong))


def play(scenario: str, mutation: Mutation | None = None) -> list[str]:
    """The expectations that the client, or a copy with the fault, does not meet; none if it passes one of the plays."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "shardkv"
        shutil.copytree(CLIENT / "src" / "shardkv", package, ignore=shutil.ignore_patterns("__pycache__"))
        if mutation:
            apply(mutation, package)
        fake_cluster = [os.environ["SHARDKV_BINARY"], "fake-cluster", "--quiet", "--plays=2"]
        command = [*fake_cluster, str(SCENARIOS / f"{scenario}.txt"), "--", sys.executable, "-m", "shardkv", "shell"]
        environment = os.environ | {"PYTHONPATH": folder}
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        if result.returncode not in (0, 1):
            raise SystemExit(f"error: {scenario} cannot be played: {result.stderr}")
    return re.findall(r"^  FAILED (.*)", result.stdout, re.MULTILINE)


def main() -> int:
    if not os.environ.get("SHARDKV_BINARY"):
        raise SystemExit("error: SHARDKV_BINARY does not name the program that plays the scenarios")
    wanted = [each for each in MUTATIONS if not sys.argv[1:] or any(word in each.fault for word in sys.argv[1:])]
    missed = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        scenarios = sorted({mutation.scenario for mutation in wanted})
        for scenario, failures in zip(scenarios, pool.map(play, scenarios), strict=True):
            if failures:
                raise SystemExit(f"error: the client fails {scenario} without a fault: {'; '.join(failures)}")
        print("| fault | scenario | by |\n|---|---|---|")
        for mutation, failures in zip(wanted, pool.map(lambda each: play(each.scenario, each), wanted), strict=True):
            missed += not failures
            caught = f"`{failures[0]}`" if failures else "**nothing**"
            print(f"| {mutation.fault} | {mutation.scenario} | {caught} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
