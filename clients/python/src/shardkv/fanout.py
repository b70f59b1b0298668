"""One request to all members of a shard, under one view, until enough have acknowledged it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from .cluster import Cluster
from .connection import Answer
from .consistency import Consistency
from .errors import ReplicaError, ReplicaFailure, ShardKVError, failure_of
from .frames import Method
from .retries import retry_wait
from .routing import Lesson
from .status import Reason, StatusCode

Response = TypeVar("Response")
Pending = TypeVar("Pending", bound=asyncio.Future[Any])
GRACE_SECONDS = 0.05


class FanOutRequest(Protocol[Response]):
    """What a fan-out sends. It may make another request of itself when a replica's answer asks for one."""

    @property
    def method(self) -> Method: ...

    @property
    def is_write(self) -> bool: ...

    def encode(self, view: int) -> bytes: ...

    def decode(self, payload: bytes) -> Response: ...

    def is_renewed_by(self, node: str, response: Response) -> bool:
        """Whether an acknowledgement made it another request, which all replicas have to get."""

    def is_renewed_by_error(self, node: str, error: ReplicaError) -> bool:
        """Whether a refusal did."""


def _cancel(pending: dict[Pending, str]) -> None:
    for future in pending:
        future.cancel()
    pending.clear()


@dataclass
class _Replica(Generic[Response]):
    node: str
    attempts: int = 0
    """How many have failed."""
    response: Response | None = None
    error: ReplicaError | None = None
    """Of the last attempt."""
    is_final: bool = False
    """The error stands: this replica is not asked again."""
    may_have_executed: bool = False


class _BudgetExhaustedError(ReplicaError):
    """A replica's last error, which the budget allows no more retries of."""


class FanOut(Generic[Response]):
    """A phase sends one request to all members at once. A replica whose trouble may pass is asked again, within the
    deadline. Another view, or a request that was renewed, begins a new phase: acknowledgements of an earlier one do not
    count.
    """

    def __init__(
        self, cluster: Cluster, shard: int, request: FanOutRequest[Response], level: Consistency, deadline: float
    ) -> None:
        self._cluster = cluster
        self._shard = shard
        self._request = request
        self._level = level
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._allowance = cluster.allowance()
        self._replicas: dict[str, _Replica[Response]] = {}
        self._attempts: dict[Answer, str] = {}
        self._waits: dict[asyncio.Task[None], str] = {}
        self._may_have_executed_before = False
        self.route = cluster.route(shard)

    async def run(self) -> dict[str, Response]:
        """The acknowledgements, at least as many as the level needs. Raises ShardKVError.

        Attempts that are still under way go on; `leftover` collects them.
        """
        try:
            await self._phases()
            return self._acknowledgements()
        except BaseException:
            _cancel(self._attempts)
            raise
        finally:
            _cancel(self._waits)

    async def _phases(self) -> None:
        """Whatever ends them early, the error tells whether a write is in doubt."""
        try:
            self._begin()
            while not self._is_done():
                await self._step()
        except asyncio.CancelledError as cancelled:
            doubt = self._failure(ReplicaError(StatusCode.CANCELLED, "the call was cancelled"))
            raise cancelled from (doubt if doubt.is_indeterminate else None)
        except ShardKVError as error:
            # An error of the route, as where the shard has lost its nodes midway, knows nothing of the attempts.
            doubt = self._failure(ReplicaError(error.code, error.message))
            if doubt.is_indeterminate and not error.is_indeterminate:
                raise doubt from error
            raise

    async def leftover(self) -> dict[str, Response]:
        """After `run`: what the other replicas say to the last phase, without any retry."""
        while self._attempts:
            done, _ = await asyncio.wait(self._attempts)
            for answer in done:
                node = self._attempts.pop(answer)
                with contextlib.suppress(ReplicaError, asyncio.CancelledError):
                    self._replicas[node].response = self._request.decode(answer.result())
        return self._acknowledgements()

    def _begin(self) -> None:
        if any(self._is_in_doubt(replica) for replica in self._replicas.values()):
            self._may_have_executed_before = True
        _cancel(self._attempts)
        _cancel(self._waits)
        self.route = self._cluster.route(self._shard)
        self._replicas = {node: _Replica(node) for node in self.route.members}
        for node in self.route.members:
            self._send(node)

    async def _step(self) -> None:
        remaining = self._deadline - self._loop.time()
        changed = self._cluster.routing.changed()
        pending: list[asyncio.Future[Any]] = [*self._attempts, *self._waits, changed]
        # The attempts end at the deadline by themselves, and say whether they had left.
        timeout = max(0.0, remaining) + GRACE_SECONDS
        done, _ = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise self._failure(ReplicaError(StatusCode.DEADLINE_EXCEEDED, "the deadline passed"))
        is_renewed = False
        for answer in self._attempts.keys() & done:
            is_renewed |= self._ended(self._attempts.pop(answer), answer)
        for wait in self._waits.keys() & done:
            self._send(self._waits.pop(wait))
        if is_renewed or (changed.done() and self.route.is_replaced_by(self._cluster.route(self._shard))):
            self._begin()

    def _send(self, node: str) -> None:
        payload = self._request.encode(self.route.view_identifier)
        timeout = max(0.001, self._deadline - self._loop.time())
        self._attempts[self._cluster.start(node, self._request.method, payload, timeout)] = node

    def _ended(self, node: str, answer: Answer) -> bool:
        """Takes in the end of an attempt. Returns whether a new phase is to begin."""
        replica = self._replicas[node]
        try:
            response = self._request.decode(answer.result())
        except ReplicaError as error:
            return self._failed(replica, error)
        self._cluster.took(node)
        replica.response = response
        return self._request.is_renewed_by(node, response)

    def _failed(self, replica: _Replica[Response], error: ReplicaError) -> bool:
        replica.error = error
        # A replica that recovers stores a write, though its word counts for nothing.
        replica.may_have_executed |= error.may_have_executed or error.reason is Reason.NOT_READY
        lesson = self._cluster.failed(replica.node, error)
        if error.refuses_stamp and self._request.is_renewed_by_error(replica.node, error):
            return True
        if lesson is Lesson.NEWER or self.route.is_replaced_by(self._cluster.route(self._shard)):
            return True
        replica.is_final = not self._retry(replica, error, lesson)
        if self.route.view and all(self._is_lost(other) for other in self._replicas.values()):
            self._cluster.routing.forget(self.route.view)
        return False

    def _retry(self, replica: _Replica[Response], error: ReplicaError, lesson: Lesson) -> bool:
        if not error.is_transient and error.code is not StatusCode.UNAVAILABLE:
            return False
        wait = retry_wait(error, replica.attempts)
        replica.attempts += 1
        if self._loop.time() + wait >= self._deadline:
            return False
        if not self._allowance.take(error):
            replica.error = _BudgetExhaustedError(error.code, error.message, error.reason)
            return False
        self._waits[self._loop.create_task(self._wait(replica.node, wait, lesson))] = replica.node
        return True

    async def _wait(self, node: str, seconds: float, lesson: Lesson) -> None:
        if lesson is Lesson.OLDER:
            await self._cluster.exchange_view(node, self.route, self._cluster.options.attempt_timeout)
        await asyncio.sleep(seconds)

    def _is_done(self) -> bool:
        """Whether enough have acknowledged; raises when enough cannot any more."""
        needed = self._level.needed(len(self._replicas))
        if sum(replica.response is not None for replica in self._replicas.values()) >= needed:
            return True
        if not self._attempts and not self._waits:
            raise self._failure(None)
        return False

    def _acknowledgements(self) -> dict[str, Response]:
        return {node: replica.response for node, replica in self._replicas.items() if replica.response is not None}

    def _is_lost(self, replica: _Replica[Response]) -> bool:
        return replica.response is None and replica.error is not None and replica.error.is_lost

    def _is_in_doubt(self, replica: _Replica[Response]) -> bool:
        is_asked = any(answer.has_left for answer, node in self._attempts.items() if node == replica.node)
        return replica.response is not None or replica.may_have_executed or is_asked

    def _failure(self, pending: ReplicaError | None) -> ShardKVError:
        failures = []
        for replica in self._replicas.values():
            error = (replica.error or pending) if replica.response is None else None
            if error:
                failures.append(ReplicaFailure.of(replica.node, error))
        exhausted = any(isinstance(replica.error, _BudgetExhaustedError) for replica in self._replicas.values())
        in_doubt = any(self._is_in_doubt(replica) for replica in self._replicas.values())
        return failure_of(
            failures,
            acknowledged=list(self._acknowledgements()),
            is_indeterminate=self._request.is_write and (in_doubt or self._may_have_executed_before),
            is_budget_exhausted=exhausted,
        )
