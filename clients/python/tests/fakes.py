"""Servers that answer as a test wants, and remember what they were asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from shardkv import AsyncClient, Options, Reason, StatusCode, kv_pb2
from shardkv.frames import PREFACE, Frame, FrameParser, FrameType, Method
from shardkv.hashing import view_identifier

MESSAGES: dict[Method, type[Message]] = {
    Method.GET: kv_pb2.GetRequest,
    Method.SET: kv_pb2.SetRequest,
    Method.DELETE: kv_pb2.DeleteRequest,
    Method.GET_SHARD_MAP: kv_pb2.GetShardMapRequest,
    Method.EXCHANGE_VIEW: kv_pb2.View,
}


@dataclass(frozen=True)
class Refusal:
    code: StatusCode
    reason: Reason = Reason.NONE
    retry_after_ms: int = 0
    server_time_ms: int = 0
    view: kv_pb2.View | None = None


@dataclass(frozen=True)
class Request:
    node: str
    method: Method
    message: Any
    timeout_ms: int
    request_id: int

    @property
    def version(self) -> tuple[int, int]:
        return self.message.version_time, self.message.version_writer


class Cut(Exception):
    """Ends the connection in place of an answer."""


Answer = bytes | Refusal | None
"""None = no answer, ever."""
Script = Callable[[Request], Awaitable[Answer]]


def patient(**changes: Any) -> Options:
    """Times that a busy machine does not exceed, but for those that a test is about."""
    defaults: dict[str, Any] = {"timeout": 30, "attempt_timeout": 15, "connect_timeout": 30}
    return Options(**defaults | changes)


def hello(**changes: Any) -> kv_pb2.Hello:
    defaults: dict[str, Any] = {"server_time_ms": int(time.time() * 1000), "protocol_version": 1}
    return kv_pb2.Hello(**defaults | changes)


class FakeNode:
    """Stores records by version as a server does, unless a script says what to answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.requests: list[Request] = []
        self.cancelled: list[int] = []
        self.records: dict[bytes, kv_pb2.GetResponse] = {}
        self.view: kv_pb2.View | None = None
        """None = as a server of the first release: takes any."""
        self.script: Script | None = None
        self.shard_map = b""
        self.map_epoch = 0
        self.hello: kv_pb2.Hello | None = hello()
        """None = never said."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def calls(self, *methods: Method) -> list[Request]:
        return [request for request in self.requests if request.method in methods]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def push(self, frame: Frame) -> None:
        """Sends a frame that nobody asked for, on all connections."""
        for writer in self._writers:
            writer.write(frame.encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            assert await reader.readexactly(len(PREFACE)) == PREFACE
            if self.hello is not None:
                writer.write(Frame(FrameType.HELLO, payload=self.hello.SerializeToString()).encode())
            parser = FrameParser(1 << 30)
            while data := await reader.read(1 << 16):
                parser.feed(data)
                while frame := parser.next():
                    self._received(frame, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.close()

    def _received(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        if frame.type == FrameType.CANCEL:
            self.cancelled.append(frame.request_id)
        if frame.type != FrameType.REQUEST:
            return
        method = Method(frame.code)
        message = MESSAGES[method].FromString(frame.payload)
        request = Request(self.name, method, message, frame.auxiliary, frame.request_id)
        self.requests.append(request)
        task = asyncio.create_task(self._answer(request, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await (self.script or self.store)(request)
        except Cut:
            writer.transport.abort()
            return
        if isinstance(answer, Refusal):
            error = kv_pb2.Error(message="refused", server_time_ms=answer.server_time_ms, view=answer.view)
            code = answer.code | answer.reason << 8
            auxiliary = answer.retry_after_ms << 16
            payload = error.SerializeToString()
            writer.write(Frame(FrameType.RESPONSE, 0, code, request.request_id, auxiliary, payload).encode())
        elif answer is not None:
            writer.write(Frame(FrameType.RESPONSE, 0, 0, request.request_id, 0, answer).encode())

    async def store(self, request: Request) -> Answer:
        """What a healthy server answers."""
        if request.method is Method.GET_SHARD_MAP:
            return kv_pb2.GetShardMapResponse(json=self.shard_map, epoch=self.map_epoch).SerializeToString()
        if request.method is Method.EXCHANGE_VIEW:
            if self.view is None or request.message.epoch > self.view.epoch:
                self.view = request.message
            return self.view.SerializeToString()
        message = request.message
        if self.view and message.view and message.view != identifier(self.view):
            return Refusal(StatusCode.ABORTED, Reason.WRONG_VIEW, view=self.view)
        record = self.records.get(message.key, kv_pb2.GetResponse())
        if request.method is Method.GET:
            return record.SerializeToString()
        current = record.version_time, record.version_writer
        if request.version < current:
            return kv_pb2.SetResponse(
                current_version_time=current[0], current_version_writer=current[1]
            ).SerializeToString()
        is_set = request.method is Method.SET
        self.records[message.key] = kv_pb2.GetResponse(
            value=message.value if is_set else b"",
            was_found=is_set,
            version_time=message.version_time,
            version_writer=message.version_writer,
            kind=kv_pb2.LIVE if is_set else kv_pb2.DELETED,
        )
        return b""


def identifier(view: kv_pb2.View) -> int:
    return view_identifier(view.epoch, {member.node: member.incarnation for member in view.members})


def always(*answers: Answer) -> Script:
    """The answers in turn, the last one for good."""
    left = list(answers)

    async def script(request: Request) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    return script


def then_store(node: FakeNode, *answers: Answer) -> None:
    """The answers in turn, then as a healthy server."""
    left = list(answers)

    async def script(request: Request) -> Answer:
        return left.pop(0) if left else await node.store(request)

    node.script = script


@dataclass
class FakeCluster:
    """One shard on fake nodes, and the file of its map."""

    path: Path
    nodes: dict[str, FakeNode] = field(default_factory=dict)

    async def start(self, count: int = 3) -> FakeCluster:
        for number in range(1, count + 1):
            node = FakeNode(f"n{number}")
            self.nodes[node.name] = node
            await node.start()
        self.write_map(list(self.nodes))
        return self

    async def __aenter__(self) -> FakeCluster:
        return self if self.nodes else await self.start()

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes.values():
            await node.stop()

    def __getitem__(self, name: str) -> FakeNode:
        return self.nodes[name]

    def map_content(self, members: list[str], nodes: list[str] | None = None, epoch: int | None = None) -> bytes:
        listed = {name: {"address": "127.0.0.1", "port": self.nodes[name].port} for name in nodes or self.nodes}
        document: dict[str, object] = {"numShards": 1, "nodes": listed, "shards": {"1": members}}
        return json.dumps(document | ({} if epoch is None else {"epoch": epoch})).encode()

    def write_map(self, members: list[str], nodes: list[str] | None = None, epoch: int | None = None) -> None:
        replacement = self.path.with_suffix(".next")
        replacement.write_bytes(self.map_content(members, nodes, epoch))
        replacement.replace(self.path)

    def view_of(self, epoch: int, incarnations: Mapping[str, int]) -> kv_pb2.View:
        members = [
            kv_pb2.Member(node=name, address="127.0.0.1", port=self.nodes[name].port, incarnation=incarnation)
            for name, incarnation in incarnations.items()
        ]
        return kv_pb2.View(shard=1, epoch=epoch, members=members)

    def client(self, **arguments: Any) -> AsyncClient:
        return AsyncClient(self.path, **{"options": patient()} | arguments)

    async def connect(self, client: AsyncClient) -> None:
        """So that a short deadline is not spent on connecting."""
        for name in self.nodes:
            await client._open.connections.connect(name, 30)

    def requests(self, *methods: Method) -> list[Request]:
        """Of all nodes."""
        return [request for node in self.nodes.values() for request in node.calls(*methods)]


async def eventually(condition: Callable[[], bool], within: float = 30) -> None:
    """Waits for what has to come true; far longer than any healthy run takes."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.001)
