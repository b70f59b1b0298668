"""The scenarios of proto/conformance, played by `shardkv fake-cluster` to this client's shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BINARY = os.environ.get("SHARDKV_BINARY")
pytestmark = pytest.mark.skipif(not BINARY, reason="SHARDKV_BINARY does not name the server's program")
FOLDER = Path(__file__).parents[3] / "proto" / "conformance" / "scenarios"
SCENARIOS = sorted(FOLDER.glob("*.txt"))


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 15


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.stem)
def test_the_shell_passes(scenario: Path) -> None:
    fake_cluster = [str(BINARY), "fake-cluster", "--quiet", "--plays=2", str(scenario)]
    command = [*fake_cluster, "--", sys.executable, "-m", "shardkv", "shell"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
