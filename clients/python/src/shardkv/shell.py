"""`python -m shardkv shell`: commands in, a line each; a line out for each. The protocol of `shardkv shell`."""

from __future__ import annotations

import re
import sys
from typing import BinaryIO

from .blocking import Client
from .errors import ShardKVError
from .quoting import ShellSyntaxError, reply, tokens

MAX_LINE_BYTES = 100 << 20
READ_TIMEOUT = 10.0
WRITE_BYTES_PER_SECOND = 8 << 20
HELP = rb"""get KEY                  prints the value, or (nil)
set KEY VALUE [TTL_MS]   stores a value; TTL_MS 0 or none = never expires
delete KEY               removes a key
help, quit
A KEY or VALUE with spaces goes in "...", with \n \" \\ and \xNN for a newline, a quote, a backslash, any byte.
"""


class Shell:
    """Performs lines with a client."""

    def __init__(self, client: Client, timeout: float | None, output: BinaryIO) -> None:
        self._client = client
        self._timeout = timeout
        self._output = output

    def run(self, source: BinaryIO) -> None:
        """Until the input ends or says quit."""
        while line := source.readline(MAX_LINE_BYTES + 2):
            if not line.endswith(b"\n") and len(line) > MAX_LINE_BYTES:
                _skip_line(source)
                self._write(b"ERROR INVALID_ARGUMENT the line is longer than 100 MiB\n")
            elif not self._perform(line.removesuffix(b"\n").removesuffix(b"\r")):
                return

    def _perform(self, line: bytes) -> bool:
        """Returns whether to go on."""
        try:
            words = tokens(line)
            command = words[0][:32].lower() if words else b""
            match command, len(words):
                case b"", _:
                    pass
                case b"get", 2:
                    value = self._client.get(words[1], timeout=self._timeout or READ_TIMEOUT)
                    self._write((b"(nil)" if value is None else reply(value)) + b"\n")
                case b"set", 3 | 4:
                    self._set(words[1], words[2], words[3] if len(words) == 4 else b"0")
                case b"delete", 2:
                    self._client.delete(words[1], timeout=self._timeout)
                    self._write(b"OK\n")
                case b"help", 1:
                    self._write(HELP)
                case b"quit" | b"exit", 1:
                    return False
                case _:
                    raise ShellSyntaxError(_usage(command))
        except ShellSyntaxError as error:
            self._write(f"ERROR INVALID_ARGUMENT {error}\n".encode())
        except ShardKVError as error:
            self._write(f"ERROR {error.code.name} {' '.join(error.message.split())}\n".encode())
        return True

    def _set(self, key: bytes, value: bytes, ttl_ms: bytes) -> None:
        if not re.fullmatch(rb"[+-]?[0-9]{1,19}", ttl_ms) or not -(2**63) <= int(ttl_ms) < 2**63:
            raise ShellSyntaxError("the TTL must be a whole number of milliseconds")
        timeout = self._timeout or 1 + len(value) / WRITE_BYTES_PER_SECOND
        self._client.set(key, value, ttl=int(ttl_ms) / 1000, timeout=timeout)
        self._write(b"OK\n")

    def _write(self, data: bytes) -> None:
        self._output.write(data)
        self._output.flush()


def _skip_line(source: BinaryIO) -> None:
    while (rest := source.readline(1 << 20)) and not rest.endswith(b"\n"):
        pass


def _usage(command: bytes) -> str:
    match command:
        case b"get" | b"delete":
            return f"usage: {command.decode()} KEY"
        case b"set":
            return "usage: set KEY VALUE [TTL_MS]"
        case b"help" | b"quit" | b"exit":
            return f"usage: {command.decode()}"
    return "unknown command; try help"


def run_shell(client: Client, timeout: float | None) -> None:
    """On standard input and output."""
    Shell(client, timeout, sys.stdout.buffer).run(sys.stdin.buffer)
