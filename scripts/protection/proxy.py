#!/usr/bin/env python3
"""A TCP proxy on 127.0.0.1 that makes a server slower than it is.

usage: proxy.py LISTEN_PORT SERVER_PORT delay MILLISECONDS   each answer is late by as much, however many there are
       proxy.py LISTEN_PORT SERVER_PORT rate PER_SECOND      requests take turns, as with a server of that speed
"""

import asyncio
import selectors
import sys

PREFACE_BYTES = 8
HEADER_BYTES = 16
REQUEST = 2


class Turns:
    """When what comes may leave: each request when the one before it is done, and it itself has taken its time."""

    def __init__(self, per_second: float) -> None:
        self.seconds = 1 / per_second
        self.free_at = 0.0

    def take(self, now: float, requests: int) -> float:
        self.free_at = max(self.free_at, now) + self.seconds * requests
        return self.free_at


async def main() -> None:
    listen_port, server_port, kind, value = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    delay = value / 1000 if kind == "delay" else 0
    # Of all connections together.
    turns = Turns(value) if kind == "rate" else None

    async def serve(client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server_port)
        requests = copy_in_turn(client_reader, server_writer, turns) if turns else copy(client_reader, server_writer, 0)
        await asyncio.gather(requests, copy(server_reader, client_writer, delay))

    server = await asyncio.start_server(serve, "127.0.0.1", listen_port)
    await server.serve_forever()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Each part is late by the delay, however many follow it."""
    loop = asyncio.get_running_loop()
    while part := await reader.read(1 << 16):
        if delay > 0:
            loop.call_later(delay, write, writer, part)
        else:
            write(writer, part)
    loop.call_later(delay, writer.close)


async def copy_in_turn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turns: Turns) -> None:
    """Only requests take time; the other frames keep their place among them."""
    loop = asyncio.get_running_loop()
    try:
        writer.write(await reader.readexactly(PREFACE_BYTES))
        while True:
            header = await reader.readexactly(HEADER_BYTES)
            payload = await reader.readexactly(int.from_bytes(header[:4], "little"))
            leaves_at = turns.take(loop.time(), requests=1 if header[4] == REQUEST else 0)
            loop.call_at(leaves_at, write, writer, header + payload)
    except asyncio.IncompleteReadError:
        loop.call_at(turns.take(loop.time(), requests=0), writer.close)


def write(writer: asyncio.StreamWriter, part: bytes) -> None:
    """A client may have left that was not answered yet."""
    if not writer.is_closing():
        writer.write(part)


# Waits to the microsecond; the default one would only to the millisecond, which is longer than a request's turn.
loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
