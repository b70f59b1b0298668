"""The shell speaks the protocol of `shardkv shell`."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardkv import ShardKVError, StatusCode
from shardkv.quoting import ShellSyntaxError, quoted, reply, tokens
from shardkv.shell import Shell


class FakeClient:
    """Remembers the calls, and holds values."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.calls: list[tuple[Any, ...]] = []

    def get(self, key: bytes, timeout: float | None) -> bytes | None:
        self.calls.append(("get", key, timeout))
        return self.values.get(key)

    def set(self, key: bytes, value: bytes, ttl: float, timeout: float | None) -> None:
        self.calls.append(("set", key, value, ttl, timeout))
        if ttl < 0:
            raise ShardKVError(StatusCode.INVALID_ARGUMENT, "negative\nTTL")
        self.values[key] = value

    def delete(self, key: bytes, timeout: float | None) -> None:
        self.values.pop(key, None)


def run(lines: bytes, client: FakeClient | None = None, timeout: float | None = None) -> list[bytes]:
    output = io.BytesIO()
    Shell(client or FakeClient(), timeout, output).run(io.BytesIO(lines))  # type: ignore[arg-type]
    return output.getvalue().splitlines()


def test_a_session() -> None:
    assert run(b'SET a "two words"\n\n  \nget a\nget\tb\r\ndelete a\nget a\nquit\nget a\n') == [
        b"OK", b'"two words"', b"(nil)", b"OK", b"(nil)",
    ]  # fmt: skip


def test_errors_are_lines_and_the_shell_goes_on() -> None:
    assert run(
        b'get\nset a\nwhat\nget "a\nget "a"b\nget "\\q"\nget "\\xg0"\nset a b -1\nset a b 1.5\nquit now\nget a\n'
    ) == [
        b"ERROR INVALID_ARGUMENT usage: get KEY",
        b"ERROR INVALID_ARGUMENT usage: set KEY VALUE [TTL_MS]",
        b"ERROR INVALID_ARGUMENT unknown command; try help",
        b"ERROR INVALID_ARGUMENT a quote is not closed",
        b"ERROR INVALID_ARGUMENT a closing quote must be followed by a space",
        b'ERROR INVALID_ARGUMENT unknown escape; known are \\n \\" \\\\ \\xNN',
        b"ERROR INVALID_ARGUMENT \\x must be followed by two hexadecimal digits",
        b"ERROR INVALID_ARGUMENT negative TTL",
        b"ERROR INVALID_ARGUMENT the TTL must be a whole number of milliseconds",
        b"ERROR INVALID_ARGUMENT usage: quit",
        b"(nil)",
    ]


def test_the_last_line_needs_no_newline() -> None:
    assert run(b"set a b\nget a") == [b"OK", b"b"]


def test_times_are_those_of_the_swift_shell() -> None:
    client = FakeClient()
    run(b"get a\nset a b 1500\n", client)
    run(b"get a\nset a b\n", client, timeout=0.25)
    assert client.calls == [
        ("get", b"a", 10),
        ("set", b"a", b"b", 1.5, 1 + 1 / (8 << 20)),
        ("get", b"a", 0.25),
        ("set", b"a", b"b", 0, 0.25),
    ]


@pytest.mark.parametrize(
    "value, line",
    [
        (b"", b'""'), (b"OK", b'"OK"'), (b"(nil)", b'"(nil)"'), (b"ERROR x", b'"ERROR x"'), (b"ERRORS", b'"ERRORS"'),
        (b"a\\b", b"a\\b"), (b'a"b', b'"a\\"b"'), (b"a\nb", b'"a\\nb"'), (b"\x00\x7f\xff", b'"\\x00\\x7f\\xff"'),
        ("grün".encode(), "grün".encode()),
        ("a\u00a0b".encode(), b'"a\\xc2\\xa0b"'), ("\u200b".encode(), b'"\\xe2\\x80\\x8b"'),
    ],
)  # fmt: skip
def test_replies_are_bare_where_that_is_unambiguous(value: bytes, line: bytes) -> None:
    assert reply(value) == line


@given(st.lists(st.binary(max_size=40)))
def test_what_is_quoted_reads_back(values: list[bytes]) -> None:
    line = b" ".join(map(quoted, values))
    assert b"\n" not in line
    assert tokens(line) == values


@given(st.binary())
def test_a_reply_is_one_line_that_reads_back(value: bytes) -> None:
    line = reply(value)
    assert tokens(line) == [value] and b"\n" not in line


@given(st.binary())
def test_any_line_is_tokens_or_an_error(line: bytes) -> None:
    try:
        assert all(isinstance(token, bytes) for token in tokens(line))
    except ShellSyntaxError as error:
        assert str(error)
