from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeCluster
from hypothesis import settings

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def cluster(tmp_path: Path) -> FakeCluster:
    """Three nodes, once it is entered."""
    return FakeCluster(tmp_path / "map.json")


@pytest.fixture(autouse=True)
def _no_error_of_asyncio(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An exception that nobody took out of its future is a mistake of ours."""
    yield
    records = caplog.get_records("call")
    assert [record.getMessage() for record in records if record.levelno >= logging.ERROR] == []
