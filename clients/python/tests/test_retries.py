"""Waits and the budget."""

from __future__ import annotations

from shardkv import Reason, StatusCode
from shardkv.errors import ReplicaError
from shardkv.retries import Allowance, RetryBudget, retry_wait

REDIRECT = ReplicaError(StatusCode.ABORTED, "", Reason.WRONG_VIEW)
REFUSED = ReplicaError(StatusCode.UNAVAILABLE, "", refused=True)
FAILED = ReplicaError(StatusCode.INTERNAL, "")


def longest(low: float, high: float) -> float:
    assert low == 0
    return high


def test_waits_double_up_to_a_bound_with_full_jitter() -> None:
    waits = [retry_wait(FAILED, attempt, longest) for attempt in range(10)]
    assert waits == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1, 1, 1]
    assert [retry_wait(REDIRECT, attempt, longest) for attempt in (0, 4, 20)] == [0.01, 0.16, 0.16]
    assert len({retry_wait(FAILED, 5) for _ in range(20)}) > 1


def test_the_servers_wish_is_the_least() -> None:
    error = ReplicaError(StatusCode.UNAVAILABLE, "", Reason.NOT_READY, retry_after_ms=250)
    assert all(0.25 <= retry_wait(error, 0) <= 0.26 for _ in range(100))


def test_a_tenth_of_the_requests_and_a_floor_a_second() -> None:
    now = 0.0
    budget = RetryBudget(monotonic=lambda: now)
    assert [budget.withdraw() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(100):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(20)) in (9, 10)
    now = 0.5
    assert sum(budget.withdraw() for _ in range(20)) == 5
    now = 1000.0
    assert sum(budget.withdraw() for _ in range(20)) == 10


def test_what_is_free() -> None:
    allowance = Allowance(RetryBudget(ratio=0, floor_per_second=0))
    assert allowance.take(REDIRECT) and allowance.take(REDIRECT)
    assert allowance.take(ReplicaError(StatusCode.UNAVAILABLE, "", Reason.NOT_READY))
    assert allowance.take(REFUSED)
    assert not allowance.take(REFUSED)
    assert not allowance.take(FAILED)
    assert not allowance.take(None)
