"""The nodes that lately did not answer: reads ask them last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

AVOID_SECONDS = 2.0
PROBE_SECONDS = 0.5
"""How long the others wait for the outcome of a probe."""


class NodeHealth:
    """After a while one read may try an avoided node in its normal place; an answer ends the avoidance."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._avoided_until: dict[str, float] = {}

    def answered(self, node: str) -> None:
        if self._avoided_until:
            self._avoided_until.pop(node, None)

    def failed(self, node: str) -> None:
        self._avoided_until[node] = self._monotonic() + AVOID_SECONDS

    def order(self, members: Iterable[str]) -> list[str]:
        """The members with those to avoid at the end."""
        if not self._avoided_until:
            return list(members)
        well, avoided = [], []
        now = self._monotonic()
        for member in members:
            until = self._avoided_until.get(member)
            if until is not None and now < until:
                avoided.append(member)
                continue
            if until is not None:
                self._avoided_until[member] = now + PROBE_SECONDS
            well.append(member)
        return well + avoided
