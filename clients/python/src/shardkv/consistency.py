"""How many replicas have to answer."""

from __future__ import annotations

import enum


class Consistency(enum.Enum):
    """How many of a shard's replicas a write waits for, or a read asks."""

    ONE = "one"
    QUORUM = "quorum"
    """A majority: a quorum read sees every write that a majority acknowledged before."""
    ALL = "all"
    """Every replica; for writes."""

    def needed(self, members: int) -> int:
        """Of so many members."""
        return {Consistency.ONE: 1, Consistency.QUORUM: members // 2 + 1, Consistency.ALL: members}[self]
