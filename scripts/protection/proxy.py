#!/usr/bin/env python3
"""A TCP proxy on 127.0.0.1 that hands on what a server answers only after a delay, as a slow server would.

usage: delay_proxy.py LISTEN_PORT SERVER_PORT DELAY_MS
"""

import asyncio
import sys


async def main() -> None:
    listen_port, server_port, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000

    async def serve(client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server_port)
        await asyncio.gather(copy(client_reader, server_writer, 0), copy(server_reader, client_writer, delay))

    server = await asyncio.start_server(serve, "127.0.0.1", listen_port)
    await server.serve_forever()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Each part is late by the delay, however many follow it."""
    loop = asyncio.get_running_loop()
    while part := await reader.read(1 << 16):
        if delay > 0:
            loop.call_later(delay, writer.write, part)
        else:
            writer.write(part)
    loop.call_later(delay, writer.close)


asyncio.run(main())
