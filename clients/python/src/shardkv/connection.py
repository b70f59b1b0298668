"""One TCP connection to a node, shared by all callers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from . import kv_pb2
from .errors import ReplicaError
from .frames import ACKNOWLEDGEMENT, PREFACE, Frame, FrameParser, FrameTooLargeError, FrameType, Method
from .status import Reason, StatusCode

SILENCE_SECONDS = 5.0
"""A connection on which nothing arrived for as long while answers were due is given up when a call times out."""
MAX_UNSENT_BYTES = 256 << 20
MAX_HELLO_BYTES = 1 << 16
DEFAULT_MAX_PAYLOAD_BYTES = 1 << 30
_MAX_TIMEOUT_MS = 2**32 - 1


class Answer(asyncio.Future[bytes]):
    """The payload of a response that is to come, or a ReplicaError. To cancel it tells the server that nobody waits."""

    has_left = False
    """The request was sent: from now on it may have been executed."""


def ignore_outcome(future: asyncio.Future[Any]) -> None:
    """Of a future that nobody may be waiting for when it fails."""
    if not future.cancelled():
        future.exception()


class Connection(asyncio.Protocol):
    """Requests leave after HELLO only, so that a node which says none has certainly executed nothing.

    `hello` is the server's first frame, or why there was none. `ended` is called when no more calls are to be given to
    this connection, which may still owe answers then, and again when it is closed.
    """

    def __init__(self, node: str, ended: Callable[[Connection], None]) -> None:
        self.node = node
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self.hello: asyncio.Future[kv_pb2.Hello] = self._loop.create_future()
        self.hello.add_done_callback(ignore_outcome)
        self._parser = FrameParser(MAX_HELLO_BYTES)
        self._transport: asyncio.Transport | None = None
        self._output: list[bytes] = []
        self._calls: dict[int, tuple[Answer, asyncio.TimerHandle]] = {}
        self._last_id = 0
        self._silent_since = 0.0
        self._end: ReplicaError | None = None
        self._is_closed = False
        self._max_payload_bytes = DEFAULT_MAX_PAYLOAD_BYTES

    @property
    def is_usable(self) -> bool:
        return self._end is None and self.hello.done() and not self.hello.exception()

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def call(self, answer: Answer, method: Method, payload: bytes, timeout: float) -> None:
        """Sends a request."""
        error = self._reason_not_to_send(payload)
        if error:
            answer.set_exception(error)
            return
        request_id = self._free_id()
        timeout_ms = min(max(1, math.ceil(timeout * 1000)), _MAX_TIMEOUT_MS)
        self._write(Frame(FrameType.REQUEST, 0, method, request_id, timeout_ms, payload).encode())
        if not self._calls:
            self._silent_since = self._loop.time()
        self._calls[request_id] = answer, self._loop.call_later(timeout, self._expire, request_id)
        answer.has_left = True
        answer.add_done_callback(lambda answer: self._cancelled(request_id) if answer.cancelled() else None)

    def drain(self, error: ReplicaError) -> None:
        """Takes no more calls; closes when those that were sent are answered."""
        if self._end is None:
            self._end = error
            self._ended(self)
        self._close_if_done()

    def close(self, error: ReplicaError) -> None:
        """Fails what is under way."""
        if self._transport:
            self._transport.abort()
        self._fail(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._write(PREFACE)

    def data_received(self, data: bytes) -> None:
        self._silent_since = self._loop.time()
        try:
            self._parser.feed(data)
            while frame := self._parser.next():
                self._received(frame)
        except FrameTooLargeError as error:
            self.close(ReplicaError(StatusCode.UNAVAILABLE, str(error)))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(ReplicaError(StatusCode.UNAVAILABLE, f"the connection was lost: {error or 'closed by the node'}"))

    def _received(self, frame: Frame) -> None:
        if frame.type == FrameType.RESPONSE:
            self._answered(frame)
        elif frame.type == FrameType.HELLO:
            self._greeted(frame.payload)
        elif frame.type == FrameType.PING and not frame.flags & ACKNOWLEDGEMENT:
            self._write(Frame(FrameType.PING, ACKNOWLEDGEMENT, request_id=frame.request_id).encode())
        elif frame.type == FrameType.GOAWAY:
            cause = ReplicaError.from_frame(frame)
            message = f"the node ends the connection: {cause.message}"
            if not self.hello.done():
                self.hello.set_exception(ReplicaError(cause.code, message, cause.reason))
            self.drain(ReplicaError(StatusCode.UNAVAILABLE, message, Reason.DRAINING))

    def _greeted(self, payload: bytes) -> None:
        if self.hello.done():
            return
        try:
            hello = kv_pb2.Hello.FromString(payload)
        except DecodeError:
            self.close(ReplicaError(StatusCode.UNAVAILABLE, "no valid HELLO"))
            return
        if hello.max_payload_bytes:
            self._max_payload_bytes = hello.max_payload_bytes
        self._parser.max_payload_bytes = self._max_payload_bytes
        self.hello.set_result(hello)

    def _answered(self, frame: Frame) -> None:
        answer, timer = self._calls.pop(frame.request_id, (None, None))
        if timer:
            timer.cancel()
        if answer and not answer.done():
            if frame.code == StatusCode.OK:
                answer.set_result(frame.payload)
            else:
                answer.set_exception(ReplicaError.from_frame(frame))
        self._close_if_done()

    def _expire(self, request_id: int) -> None:
        answer, _ = self._calls.pop(request_id, (None, None))
        if answer and not answer.done():
            answer.set_exception(ReplicaError(StatusCode.DEADLINE_EXCEEDED, "no answer in time", Reason.INDETERMINATE))
        if self._loop.time() - self._silent_since >= SILENCE_SECONDS:
            self.close(ReplicaError(StatusCode.UNAVAILABLE, f"silent for {SILENCE_SECONDS:g} s"))
        self._close_if_done()

    def _cancelled(self, request_id: int) -> None:
        answer, timer = self._calls.pop(request_id, (None, None))
        if answer and timer:
            timer.cancel()
            self._write(Frame(FrameType.CANCEL, request_id=request_id).encode())
            self._close_if_done()

    def _fail(self, error: ReplicaError) -> None:
        if not self.hello.done():
            self.hello.set_exception(error)
        self._end = self._end or error
        self._is_closed = True
        self._ended(self)
        calls, self._calls = self._calls, {}
        for answer, timer in calls.values():
            timer.cancel()
            if not answer.done():
                answer.set_exception(
                    ReplicaError(
                        error.code,
                        f"{error.message}; the request may or may not have been executed",
                        Reason.INDETERMINATE,
                    )
                )

    def _close_if_done(self) -> None:
        if self._end and not self._calls and self._transport:
            self._transport.close()

    def _reason_not_to_send(self, payload: bytes) -> ReplicaError | None:
        if not self.is_usable or self._transport is None:
            return self._end or ReplicaError(StatusCode.UNAVAILABLE, "not connected")
        if len(payload) > self._max_payload_bytes:
            message = f"a request of {len(payload)} bytes; the node takes at most {self._max_payload_bytes}"
            return ReplicaError(StatusCode.RESOURCE_EXHAUSTED, message, Reason.TOO_LARGE)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            message = f"more than {MAX_UNSENT_BYTES} bytes wait to be sent"
            return ReplicaError(StatusCode.RESOURCE_EXHAUSTED, message, Reason.OVERLOADED)
        return None

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id + 1 & 0xFFFFFFFF
            if self._last_id not in self._calls:
                return self._last_id

    def _write(self, data: bytes) -> None:
        """All that is written in one turn of the loop leaves at once."""
        if not self._output:
            self._loop.call_soon(self._flush)
        self._output.append(data)

    def _flush(self) -> None:
        output, self._output = self._output, []
        if self._transport and not self._transport.is_closing():
            self._transport.writelines(output)
