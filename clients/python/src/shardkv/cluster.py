"""What all calls of a client share: routes, connections, the clock, the nodes' health, the budget."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Coroutine
from dataclasses import dataclass

from . import kv_pb2
from .connection import Answer
from .connections import NodeConnections
from .errors import ReplicaError, ShardKVError, decoded
from .frames import Method
from .health import NodeHealth
from .retries import Allowance, RetryBudget
from .routing import Lesson, Route, Routing
from .shard_map import ShardMap, address_of
from .status import StatusCode
from .versions import VersionClock

logger = logging.getLogger("shardkv")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a client behaves. Times are in seconds."""

    timeout: float = 1.0
    """Of a whole call, retries included; each call may say otherwise."""
    attempt_timeout: float = 0.25
    """How long a read waits for one replica while there is another to ask."""
    connect_timeout: float = 1.0
    hedge_after: float | None = None
    """When a read also asks the next replica, if the first has not answered; None = never."""
    retry_ratio: float = 0.1
    """How many retries and hedges each request allows."""
    retry_floor: float = 10.0
    """How many a second are allowed in any case."""
    max_concurrent_keys: int = 128
    """How many keys of one call with many are under way at once."""


class Cluster:
    """Shared by the calls of one client, within one event loop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = VersionClock()
        self.health = NodeHealth()
        self.budget = RetryBudget(options.retry_ratio, options.retry_floor)
        self.connections = NodeConnections(self._greeted, options.connect_timeout)
        self._routing: Routing | None = None
        self._turn = itertools.count(random.randrange(1 << 16))
        self._background: set[asyncio.Task[None]] = set()

    @property
    def has_map(self) -> bool:
        return self._routing is not None

    @property
    def routing(self) -> Routing:
        if self._routing is None:
            raise ShardKVError(StatusCode.FAILED_PRECONDITION, "the client was not started; use it in `async with`")
        return self._routing

    def follow(self, shard_map: ShardMap, epoch: int) -> None:
        """The next attempt of every call is routed by this map."""
        self.connections.follow(shard_map.nodes)
        if self._routing:
            self._routing.follow(shard_map, epoch)
        else:
            self._routing = Routing(shard_map, epoch)

    def route(self, shard: int) -> Route:
        """Raises if nobody owns the shard."""
        route = self.routing.route(shard)
        if not route.members:
            raise ShardKVError(StatusCode.UNAVAILABLE, f"shard {shard} has no node in the shard map")
        return route

    def read_order(self, route: Route) -> list[str]:
        """The members in the order in which a read asks them: in turn, those that lately did not answer last."""
        first = next(self._turn) % len(route.members)
        return self.health.order(route.members[first:] + route.members[:first])

    def allowance(self) -> Allowance:
        """A request begins; what it may repeat."""
        self.budget.deposit()
        return Allowance(self.budget)

    def start(self, node: str, method: Method, payload: bytes, timeout: float) -> Answer:
        """Sends a request to a node."""
        return self.connections.start(node, method, payload, timeout)

    def took(self, node: str) -> None:
        """A node answered a request."""
        self.health.answered(node)

    def failed(self, node: str, error: ReplicaError) -> Lesson:
        """Learns from a node's error."""
        if error.is_silence:
            self.health.failed(node)
        return Lesson.SAME if error.view is None else self.learn(error.view)

    def learn(self, view: kv_pb2.View) -> Lesson:
        """Takes in a view that a server told, and where its members are."""
        for member in view.members:
            self.connections.learn(member.node, address_of(member.address, member.port))
        return self.routing.learn(view)

    async def exchange_view(self, node: str, route: Route, timeout: float) -> None:
        """Tells a server that is behind what the client knows, and learns what the server knows then."""
        if route.view is None:
            return
        payload = route.view.to_message().SerializeToString()
        try:
            answer = await self.start(node, Method.EXCHANGE_VIEW, payload, timeout)
            self.learn(decoded(kv_pb2.View, answer))
        except ReplicaError as error:
            logger.debug("%s took no view: %s", node, error)

    async def find_clock(self, members: tuple[str, ...], timeout: float) -> None:
        """Before the first stamp: the clock of the first member to say HELLO; the local one if none does."""
        for node in members:
            if self.clock.has_estimate:
                return
            try:
                await self.connections.connect(node, min(self.options.attempt_timeout, timeout / (len(members) + 1)))
            except ReplicaError as error:
                logger.debug("%s told no time: %s", node, error)

    def in_background(self, work: Coroutine[None, None, None]) -> None:
        """Runs on after its call has returned, until the client is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Ends everything that is under way."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.connections.close()

    def _greeted(self, node: str, hello: kv_pb2.Hello) -> None:
        self.clock.observe(node, hello.server_time_ms)
