"""Versions, which order the writes of a key, and the clock that stamps them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

GREATEST_TIME = 2**64 - 1
GREATEST_CLOCK_MS = 2**48 - 1


class Version(NamedTuple):
    """Compared `time` first, then `writer`, unsigned; the greatest of a key's versions is its value."""

    time: int
    """Milliseconds since 1970 in the upper 48 bits, a counter in the lower 16."""
    writer: int
    """A random number of the process that stamped it."""


NO_VERSION = Version(0, 0)


class Stamp(NamedTuple):
    version: Version
    clock_ms: int
    """The cluster's time when it was stamped, milliseconds since 1970."""


def expiry(ttl_ms: int, now_ms: int) -> int:
    """The deadline of a value written now: 0 = never; a sum past 64 bits saturates."""
    return min(now_ms + ttl_ms, 2**64 - 1) if ttl_ms else 0


def next_time(clock_ms: int, greatest_seen: int) -> int:
    """A new stamp's time; at the very end it stands still."""
    return max(clock_ms << 16, min(greatest_seen + 1, GREATEST_TIME))


class VersionClock:
    """A hybrid clock: an estimate of the servers' clocks, and a counter that makes stamps strictly increase.

    Stamps increase except after a server refused one as too far ahead; from then on they have another writer, so that
    no version is stamped twice. Safe to use from several threads.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        draw_writer: Callable[[], int] | None = None,
    ) -> None:
        random_numbers = random.SystemRandom()
        self._draw_writer = draw_writer or (lambda: random_numbers.randrange(1, 2**64))
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._offset_ms = _bounded(int(wall() * 1000)) - self._now()
        self._offsets: dict[str, int] = {}
        self._greatest = 0
        self._writer = self._draw_writer()

    @property
    def has_estimate(self) -> bool:
        """A server has told its time."""
        return bool(self._offsets)

    def now_ms(self) -> int:
        """The cluster's time, milliseconds since 1970."""
        return max(0, self._now() + self._offset_ms)

    def stamp(self) -> Stamp:
        """A version above all that were stamped or seen."""
        with self._lock:
            clock = self.now_ms()
            if self._greatest == GREATEST_TIME:
                self._writer = self._draw_writer()
            self._greatest = next_time(clock, self._greatest)
            return Stamp(Version(self._greatest, self._writer), clock)

    def raise_above(self, version: Version) -> None:
        """The next stamps are above `version`."""
        with self._lock:
            self._greatest = max(self._greatest, version.time)

    def observe(self, node: str, server_time_ms: int) -> None:
        """Takes in the time that a node's HELLO told; the median of all nodes counts."""
        if server_time_ms <= 0:
            return
        with self._lock:
            self._offsets[node] = _bounded(server_time_ms) - self._now()
            ordered = sorted(self._offsets.values())
            self._offset_ms = ordered[(len(ordered) - 1) // 2]

    def correct(self, node: str, server_time_ms: int) -> None:
        """Takes over the time of a node that refused a stamp: it is of this moment, those of the HELLOs are older.

        A stamp that was ahead of it does not hold the later ones up there.
        """
        if server_time_ms <= 0:
            return
        with self._lock:
            self._offset_ms = _bounded(server_time_ms) - self._now()
            self._offsets = {node: self._offset_ms}
            greatest = _bounded(server_time_ms) << 16
            if greatest < self._greatest:
                self._greatest = greatest
                self._writer = self._draw_writer()

    def _now(self) -> int:
        return int(self._monotonic() * 1000)


def _bounded(milliseconds: int) -> int:
    return min(milliseconds, GREATEST_CLOCK_MS)
