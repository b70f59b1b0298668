"""A read of one replica: whichever answers first, the others in turn when it does not."""

from __future__ import annotations

import asyncio

from . import kv_pb2
from .cluster import Cluster
from .connection import Answer
from .errors import ReplicaError, ReplicaFailure, ShardKVError, decoded, failure_of
from .frames import Method
from .retries import retry_wait
from .routing import Lesson, Route


class ReadOne:
    """In a round each replica is asked at most once. As long as another one is left, an attempt has a share of the
    deadline only; the last may use all that remains. If a replica said that its trouble will pass, there is another
    round after a wait, by the routes of then.
    """

    def __init__(self, cluster: Cluster, shard: int, request: kv_pb2.GetRequest, deadline: float) -> None:
        self._cluster = cluster
        self._shard = shard
        self._payload = request.SerializeToString()
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._allowance = cluster.allowance()
        self._candidates: list[str] = []
        self._asked: set[str] = set()
        self._attempts: dict[Answer, str] = {}
        self._failures: list[tuple[str, ReplicaError]] = []
        self._is_redirected = False
        self._may_hedge = cluster.options.hedge_after is not None

    async def run(self) -> kv_pb2.GetResponse:
        """Raises ShardKVError when no replica answered."""
        try:
            attempt = 0
            while True:
                route = self._cluster.route(self._shard)
                self._candidates = self._cluster.read_order(route)
                self._asked.clear()
                response = await self._round()
                if response is not None:
                    return response
                if not self._is_view_lost(route):
                    await self._wait_for_another_round(attempt)
                    attempt += 1
        finally:
            for answer in self._attempts:
                answer.cancel()

    async def _round(self) -> kv_pb2.GetResponse | None:
        """None = all replicas failed."""
        while self._attempts or self._candidates:
            if not self._attempts:
                self._ask_next()
            is_hedge_possible = self._may_hedge and self._candidates and len(self._attempts) == 1
            timeout = self._cluster.options.hedge_after if is_hedge_possible else None
            done, _ = await asyncio.wait(self._attempts, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self._hedge()
            for answer in done:
                node = self._attempts.pop(answer)
                try:
                    response = decoded(kv_pb2.GetResponse, answer.result())
                except ReplicaError as error:
                    self._failed(node, error)
                    continue
                self._cluster.took(node)
                return response
        return None

    def _ask_next(self) -> None:
        """The first attempt of a call is free, and so is one that follows a newer view; the others are repetitions."""
        is_free = not self._failures or self._is_redirected
        if not is_free and not self._allowance.take(self._failures[-1][1]):
            raise self._failure(is_budget_exhausted=True)
        if not self._asked:
            self._failures.clear()
        self._ask()

    def _hedge(self) -> None:
        self._may_hedge = self._allowance.take(None)
        if self._may_hedge:
            self._ask()

    def _ask(self) -> None:
        remaining = self._deadline - self._loop.time()
        if remaining <= 0:
            raise self._failure()
        left = len(self._candidates)
        share = remaining if left == 1 else min(self._cluster.options.attempt_timeout, remaining / left)
        node = self._candidates.pop(0)
        self._asked.add(node)
        self._attempts[self._cluster.start(node, Method.GET, self._payload, max(0.001, share))] = node

    def _failed(self, node: str, error: ReplicaError) -> None:
        self._failures.append((node, error))
        self._is_redirected = self._cluster.failed(node, error) is Lesson.NEWER
        if error.ends_call:
            raise self._failure()
        if self._is_redirected:
            members = self._cluster.read_order(self._cluster.route(self._shard))
            self._candidates = [member for member in members if member not in self._asked]

    def _is_view_lost(self, route: Route) -> bool:
        """None of its members can be reached: the next round goes by the map."""
        if route.view and all(error.is_lost for _, error in self._failures):
            self._cluster.routing.forget(route.view)
            self._is_redirected = self._cluster.route(self._shard).is_replaced_by(route)
            return self._is_redirected
        return False

    async def _wait_for_another_round(self, attempt: int) -> None:
        waits = [retry_wait(error, attempt) for _, error in self._failures if error.is_transient]
        if not waits or self._loop.time() + min(waits) >= self._deadline:
            raise self._failure()
        await asyncio.sleep(min(waits))

    def _failure(self, *, is_budget_exhausted: bool = False) -> ShardKVError:
        failures = [ReplicaFailure.of(node, error) for node, error in self._failures]
        return failure_of(failures, is_budget_exhausted=is_budget_exhausted)
