"""The clock that stamps versions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shardkv.versions import GREATEST_TIME, Version, VersionClock


class ManualTime:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.monotonic = 100.0
        self.wall = 1_700_000_000.0


def make() -> tuple[VersionClock, ManualTime]:
    time = ManualTime()
    writers = iter(range(1, 100))
    return VersionClock(lambda: time.monotonic, lambda: time.wall, lambda: next(writers)), time


@given(st.lists(st.one_of(st.integers(0, 2**64 - 2), st.floats(0, 1000))))
def test_stamps_increase_and_exceed_what_was_seen(events: list[int | float]) -> None:
    clock, time = make()
    last = clock.stamp().version
    for event in events:
        if isinstance(event, float):
            time.monotonic += event
        else:
            clock.raise_above(Version(event, 0))
            last = max(last, Version(event, 0))
        stamp = clock.stamp()
        assert last < stamp.version or last.time == GREATEST_TIME
        assert stamp.version.time >> 16 >= stamp.clock_ms or last.time == GREATEST_TIME
        last = stamp.version


def test_the_median_of_the_servers_counts_before_the_own_clock() -> None:
    clock, time = make()
    assert clock.now_ms() == 1_700_000_000_000 and not clock.has_estimate
    clock.observe("n1", 5000)
    assert clock.now_ms() == 5000 and clock.has_estimate
    clock.observe("n2", 9000)
    clock.observe("n3", 7000)
    clock.observe("n3", 0)
    time.monotonic += 1
    assert clock.now_ms() == 8000


def test_a_correction_counts_at_once_and_changes_the_writer_if_the_clock_goes_back() -> None:
    clock, _ = make()
    before = clock.stamp()
    clock.correct("n1", 5000)
    after = clock.stamp()
    assert (after.clock_ms, after.version.time >> 16) == (5000, 5000)
    assert after.version.writer != before.version.writer
    clock.correct("n1", 9000)
    assert clock.stamp().version.writer == after.version.writer


def test_at_its_end_the_clock_stands_still_and_draws_writers() -> None:
    clock, _ = make()
    clock.raise_above(Version(GREATEST_TIME, 7))
    first, second = clock.stamp().version, clock.stamp().version
    assert first.time == second.time == GREATEST_TIME
    assert first.writer != second.writer
