"""What keeps retries from making an overload worse: jittered waits and one budget for all calls."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from .errors import ReplicaError
from .status import Reason

FIRST_WAIT = 0.010
LONGEST_WAIT = 1.0
LONGEST_REDIRECT_WAIT = 0.160
"""A handover lasts for moments: its waits stay short."""


def retry_wait(error: ReplicaError, attempt: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Exponential backoff with full jitter, on top of what the server wished. `attempt` counts from 0."""
    longest = LONGEST_REDIRECT_WAIT if error.is_redirect else LONGEST_WAIT
    return error.retry_after_ms / 1000 + uniform(0, min(longest, FIRST_WAIT * 2 ** min(attempt, 16)))


class RetryBudget:
    """At most a share of all requests, and a floor a second, may be retries and hedges.

    Two buckets: each request puts `ratio` of a token in the first, time fills the second.
    """

    MAX_EARNED = 100.0

    def __init__(
        self, ratio: float = 0.1, floor_per_second: float = 10.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ratio = ratio
        self._floor_per_second = floor_per_second
        self._monotonic = monotonic
        self._earned = 0.0
        self._floor = floor_per_second
        self._filled_at = monotonic()

    def deposit(self) -> None:
        """A request was made."""
        self._earned = min(self._earned + self._ratio, self.MAX_EARNED)

    def withdraw(self) -> bool:
        """Whether one more retry may be made."""
        now = self._monotonic()
        self._floor = min(self._floor + (now - self._filled_at) * self._floor_per_second, self._floor_per_second)
        self._filled_at = now
        if self._earned >= 1:
            self._earned -= 1
        elif self._floor >= 1:
            self._floor -= 1
        else:
            return False
        return True


class Allowance:
    """What one call may repeat.

    Free are the first failover from a refused connection, redirects, and the wait for a replica that is not ready: it
    costs that replica next to nothing, and ends when the shard has been copied.
    """

    def __init__(self, budget: RetryBudget) -> None:
        self._budget = budget
        self._used_free_failover = False

    def take(self, cause: ReplicaError | None) -> bool:
        """Whether to repeat after `cause`; None = a hedge."""
        if cause and (cause.is_redirect or cause.reason is Reason.NOT_READY):
            return True
        if cause and cause.refused and not self._used_free_failover:
            self._used_free_failover = True
            return True
        return self._budget.withdraw()
