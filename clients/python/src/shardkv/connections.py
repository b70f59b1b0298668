"""The connections to all nodes, made when they are first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import kv_pb2
from .connection import Answer, Connection, ignore_outcome
from .errors import ReplicaError
from .frames import Method
from .shard_map import Address
from .status import Reason, StatusCode

FIRST_PAUSE, LAST_PAUSE = 0.020, 1.0
"""A node that cannot be reached is not tried anew for 20 ms, doubling up to 1 s."""


@dataclass
class _Node:
    address: Address
    connection: Connection | None = None
    connecting: asyncio.Task[Connection] | None = None
    failures: int = 0
    retry_at: float = 0.0
    last_error: ReplicaError | None = None
    all_connections: set[Connection] = field(default_factory=set)

    def stop_connecting(self, error: ReplicaError) -> None:
        """Who waits for the connection is told why there will be none."""
        if self.connecting:
            self.last_error = error
            self.connecting.cancel()


class NodeConnections:
    """One connection to each node, by the node's name. The shard map's addresses win over those that servers told."""

    def __init__(self, greeted: Callable[[str, kv_pb2.Hello], None], connect_timeout: float) -> None:
        self._greeted = greeted
        self._connect_timeout = connect_timeout
        self._mapped: Mapping[str, Address] = {}
        self._learned: dict[str, Address] = {}
        self._nodes: dict[str, _Node] = {}

    def follow(self, nodes: Mapping[str, Address]) -> None:
        """Takes over a map's addresses; connections to other ones end when they have their answers."""
        self._mapped = nodes
        for name, node in list(self._nodes.items()):
            if self._address(name) != node.address:
                del self._nodes[name]
                self._retire(node, ReplicaError(StatusCode.UNAVAILABLE, "the node has moved", Reason.DRAINING))

    def learn(self, name: str, address: Address) -> None:
        """Takes in where a node is that the map may not list."""
        if address.host and address.port:
            self._learned[name] = address
            self.follow(self._mapped)

    def start(self, name: str, method: Method, payload: bytes, timeout: float) -> Answer:
        """Sends a request to a node, after connecting to it if need be; the answer may be a ReplicaError."""
        node = self._nodes.get(name)
        answer = Answer()
        answer.add_done_callback(ignore_outcome)
        if node and node.connection and node.connection.is_usable:
            node.connection.call(answer, method, payload, timeout)
        else:
            calling = asyncio.create_task(self._connect_and_call(answer, name, method, payload, timeout))
            answer.add_done_callback(lambda _: calling.cancel())
        return answer

    async def connect(self, name: str, timeout: float) -> Connection:
        """Returns once the node has said HELLO; raises ReplicaError."""
        loop = asyncio.get_running_loop()
        node = self._node(name)
        if node.connection and node.connection.is_usable:
            return node.connection
        if node.connecting is None:
            if node.last_error and loop.time() < node.retry_at:
                raise node.last_error
            node.connecting = loop.create_task(self._open(name, node))
            node.connecting.add_done_callback(ignore_outcome)
        connecting = node.connecting
        await asyncio.wait([connecting], timeout=timeout)
        if not connecting.done():
            raise ReplicaError(StatusCode.DEADLINE_EXCEEDED, f"no connection to {node.address} in time")
        if connecting.cancelled() and node.last_error:
            raise node.last_error
        return connecting.result()

    async def close(self) -> None:
        """Fails what is under way."""
        nodes, self._nodes = self._nodes, {}
        tasks = [node.connecting for node in nodes.values() if node.connecting]
        error = ReplicaError(StatusCode.CANCELLED, "the client was closed")
        for node in nodes.values():
            node.stop_connecting(error)
            for connection in list(node.all_connections):
                connection.close(error)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _connect_and_call(
        self, answer: Answer, name: str, method: Method, payload: bytes, timeout: float
    ) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        try:
            connection = await self.connect(name, timeout)
            if not answer.done():
                connection.call(answer, method, payload, max(0.001, deadline - loop.time()))
        except ReplicaError as error:
            if not answer.done():
                answer.set_exception(error)

    async def _open(self, name: str, node: _Node) -> Connection:
        loop = asyncio.get_running_loop()

        def ended(connection: Connection) -> None:
            if node.connection is connection:
                node.connection = None
            if connection.is_closed:
                node.all_connections.discard(connection)

        connection = Connection(name, ended)
        try:
            async with asyncio.timeout(self._connect_timeout):
                await loop.create_connection(lambda: connection, node.address.host, node.address.port)
                node.all_connections.add(connection)
                hello = await asyncio.shield(connection.hello)
        except (OSError, TimeoutError, ReplicaError) as cause:
            error = _unreachable(node.address, cause)
            connection.close(error)
            node.retry_at = loop.time() + min(FIRST_PAUSE * 2**node.failures, LAST_PAUSE)
            node.failures = min(node.failures + 1, 16)
            node.last_error = error
            raise error from cause
        finally:
            node.connecting = None
        node.connection, node.failures, node.last_error = connection, 0, None
        self._greeted(name, hello)
        return connection

    def _node(self, name: str) -> _Node:
        if name not in self._nodes:
            address = self._address(name)
            if address is None:
                raise ReplicaError(StatusCode.UNAVAILABLE, f"the address of {name} is not known", refused=True)
            self._nodes[name] = _Node(address)
        return self._nodes[name]

    def _address(self, name: str) -> Address | None:
        return self._mapped.get(name) or self._learned.get(name)

    @staticmethod
    def _retire(node: _Node, error: ReplicaError) -> None:
        node.stop_connecting(error)
        for connection in list(node.all_connections):
            connection.drain(error)


def _unreachable(address: Address, cause: Exception) -> ReplicaError:
    if isinstance(cause, ReplicaError):
        return ReplicaError(StatusCode.UNAVAILABLE, f"no HELLO from {address}: {cause.message}", cause.reason)
    if isinstance(cause, TimeoutError) and not cause.args:
        return ReplicaError(StatusCode.UNAVAILABLE, f"no HELLO from {address} in time")
    refused = isinstance(cause, ConnectionRefusedError)
    return ReplicaError(StatusCode.UNAVAILABLE, f"cannot connect to {address}: {cause}", refused=refused)
