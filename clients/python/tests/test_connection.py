"""One connection: HELLO, answers in any order, GOAWAY, what is too large, what ends it."""

from __future__ import annotations

import asyncio

import pytest
from fakes import FakeCluster, FakeNode, Request, eventually, hello

from shardkv import Reason, ShardKVError, StatusCode, kv_pb2
from shardkv.connections import NodeConnections
from shardkv.errors import ReplicaError
from shardkv.frames import ACKNOWLEDGEMENT, Frame, FrameType, Method
from shardkv.shard_map import Address


class Fixture:
    """Connections to one fake node."""

    def __init__(self, connect_timeout: float = 5) -> None:
        self.node = FakeNode("n1")
        self.greetings: list[kv_pb2.Hello] = []
        self.connections = NodeConnections(lambda _, hello: self.greetings.append(hello), connect_timeout)

    async def __aenter__(self) -> Fixture:
        await self.node.start()
        self.connections.follow({"n1": Address("127.0.0.1", self.node.port)})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connections.close()
        await self.node.stop()

    async def get(self, key: bytes = b"key", timeout: float = 5) -> kv_pb2.GetResponse:
        request = kv_pb2.GetRequest(key=key).SerializeToString()
        return kv_pb2.GetResponse.FromString(await self.connections.start("n1", Method.GET, request, timeout))

    async def error(self, key: bytes = b"key", timeout: float = 5) -> ReplicaError:
        with pytest.raises(ReplicaError) as caught:
            await self.get(key, timeout)
        return caught.value


async def echo(request: Request) -> bytes:
    message: kv_pb2.GetRequest = request.message
    return kv_pb2.GetResponse(value=message.key, was_found=True).SerializeToString()


async def test_answers_come_in_any_order() -> None:
    async with Fixture() as fixture:
        released = [asyncio.Event() for _ in range(20)]

        async def in_reverse(request: Request) -> bytes:
            number = int(request.message.key)
            await released[number].wait()
            if number:
                released[number - 1].set()
            return await echo(request)

        fixture.node.script = in_reverse
        calls = [asyncio.create_task(fixture.get(b"%d" % number)) for number in range(20)]
        released[19].set()
        assert [(await call).value for call in calls] == [b"%d" % number for number in range(20)]
        assert len(fixture.greetings) == 1
        assert len({request.request_id for request in fixture.node.requests}) == 20


async def test_nothing_leaves_before_hello() -> None:
    async with Fixture(connect_timeout=0.05) as fixture:
        fixture.node.hello = None
        error = await fixture.error()
        assert error.code is StatusCode.UNAVAILABLE
        assert not error.may_have_executed
        assert not fixture.node.requests


async def test_what_was_sent_and_not_answered_may_have_executed() -> None:
    async with Fixture() as fixture:
        fixture.node.script = lambda request: asyncio.sleep(0, None)
        # So that the short time is not spent on connecting.
        await fixture.connections.connect("n1", 5)
        error = await fixture.error(timeout=0.05)
        assert (error.code, error.reason) == (StatusCode.DEADLINE_EXCEEDED, Reason.INDETERMINATE)
        call = asyncio.create_task(fixture.error())
        await eventually(lambda: len(fixture.node.requests) >= 2)
        await fixture.node.stop()
        assert (await call).reason is Reason.INDETERMINATE


async def test_after_goaway_new_requests_take_another_connection_and_old_ones_get_their_answers() -> None:
    async with Fixture() as fixture:
        release = asyncio.Event()

        async def slow(request: Request) -> bytes:
            if request.message.key == b"slow":
                await release.wait()
            return await echo(request)

        fixture.node.script = slow
        call = asyncio.create_task(fixture.get(b"slow"))
        await eventually(lambda: bool(fixture.node.requests))
        fixture.node.push(Frame(FrameType.GOAWAY, code=StatusCode.UNAVAILABLE | Reason.DRAINING << 8))
        while len(fixture.greetings) < 2:
            assert (await fixture.get(b"key")).value == b"key"
        release.set()
        assert (await call).value == b"slow"


async def test_frames_and_answers_that_nobody_waits_for_are_skipped() -> None:
    async with Fixture() as fixture:
        fixture.node.script = echo
        await fixture.get()
        fixture.node.push(Frame(200, payload=b"later"))
        fixture.node.push(Frame(FrameType.RESPONSE, request_id=12345))
        fixture.node.push(Frame(FrameType.PING, ACKNOWLEDGEMENT, request_id=1))
        fixture.node.push(Frame(FrameType.PING, request_id=77))
        assert (await fixture.get(b"again")).value == b"again"
        assert len(fixture.greetings) == 1


async def test_a_request_beyond_the_servers_limit_is_not_sent() -> None:
    async with Fixture() as fixture:
        fixture.node.hello = hello(max_payload_bytes=100)
        error = await fixture.error(bytes(200))
        assert error.reason is Reason.TOO_LARGE
        assert not fixture.node.requests


async def test_a_frame_beyond_the_servers_own_limit_ends_the_connection() -> None:
    async with Fixture() as fixture:
        fixture.node.hello = hello(max_payload_bytes=100)
        fixture.node.script = lambda request: asyncio.sleep(0, bytes(101))
        error = await fixture.error()
        assert error.may_have_executed
        fixture.node.script = echo
        assert (await fixture.get()).was_found
        assert len(fixture.greetings) == 2


async def test_a_payload_that_is_no_message_is_an_error(cluster: FakeCluster) -> None:
    async with cluster, cluster.client() as client:
        for node in cluster.nodes.values():
            node.script = lambda request: asyncio.sleep(0, b"\xff")
        for call in (client.get("key"), client.set("key", "value")):
            with pytest.raises(ShardKVError) as caught:
                await call
            assert {failure.code for failure in caught.value.replica_failures} == {StatusCode.INTERNAL}


async def test_a_node_that_refuses_is_not_tried_by_every_call() -> None:
    async with Fixture() as fixture:
        await fixture.node.stop()
        first, second = await fixture.error(), await fixture.error()
        assert first.refused and second is first


async def test_callers_share_one_attempt_to_connect_and_one_who_leaves_does_not_end_it() -> None:
    async with Fixture() as fixture:
        fixture.node.script = echo
        calls = [asyncio.create_task(fixture.get(b"%d" % number)) for number in range(10)]
        await asyncio.sleep(0)
        calls[0].cancel()
        assert [(await call).was_found for call in calls[1:]] == [True] * 9
        assert len(fixture.greetings) == 1


async def test_a_node_that_moves_gets_a_new_connection() -> None:
    async with Fixture() as fixture:
        fixture.node.script = echo
        await fixture.get()
        other = FakeNode("n1")
        await other.start()
        other.script = echo
        fixture.connections.follow({"n1": Address("127.0.0.1", other.port)})
        await fixture.get()
        assert len(other.requests) == 1
        await other.stop()
