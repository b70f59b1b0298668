"""How bytes stand in a line of the shell, and how a line is split."""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = {ord("n"): b"\n", ord('"'): b'"', ord("\\"): b"\\"}
_HIDDEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}
_SPACES = b" \t"


class ShellSyntaxError(Exception):
    """A line that is no command."""


def reply(data: bytes) -> bytes:
    """Bare if that can be read in one way only, else in double quotes."""
    return data if _is_plain(data) else quoted(data)


def quoted(data: bytes) -> bytes:
    """In double quotes; text in UTF-8 stays readable, other bytes are escaped."""
    is_text = _is_readable(data)
    result = bytearray(b'"')
    for byte in data:
        if byte in b'"\\':
            result += b"\\" + bytes([byte])
        elif byte == 0x0A:
            result += b"\\n"
        elif 0x20 <= byte < 0x7F or (byte >= 0x80 and is_text):
            result.append(byte)
        else:
            result += b"\\x%02x" % byte
    return bytes(result + b'"')


def tokens(line: bytes) -> list[bytes]:
    """Splits at spaces and tabs; a token that begins with a double quote ends at the next one that is not escaped."""
    found: list[bytes] = []
    position = 0
    while True:
        while position < len(line) and line[position] in _SPACES:
            position += 1
        if position == len(line):
            return found
        if line[position] == ord('"'):
            token, position = _quoted_token(line, position + 1)
        else:
            bare = re.compile(rb"[^ \t]+").match(line, position)
            assert bare
            token, position = bare[0], bare.end()
        found.append(token)


def _quoted_token(line: bytes, position: int) -> tuple[bytes, int]:
    token = bytearray()
    plain = re.compile(rb'[^"\\]*')
    while True:
        run = plain.match(line, position)
        assert run
        token += run[0]
        position = run.end() + 1
        if position > len(line):
            raise ShellSyntaxError("a quote is not closed")
        if line[position - 1] == ord('"'):
            if position < len(line) and line[position] not in _SPACES:
                raise ShellSyntaxError("a closing quote must be followed by a space")
            return bytes(token), position
        escape, position = _escape(line, position)
        token += escape


def _escape(line: bytes, position: int) -> tuple[bytes, int]:
    if position == len(line):
        raise ShellSyntaxError("a quote is not closed")
    if line[position] == ord("x"):
        digits = line[position + 1 : position + 3]
        if len(digits) < 2:
            raise ShellSyntaxError("a quote is not closed")
        if not re.fullmatch(rb"[0-9A-Fa-f]{2}", digits):
            raise ShellSyntaxError("\\x must be followed by two hexadecimal digits")
        return bytes([int(digits, 16)]), position + 3
    if line[position] not in _ESCAPES:
        raise ShellSyntaxError('unknown escape; known are \\n \\" \\\\ \\xNN')
    return _ESCAPES[line[position]], position + 1


def _is_plain(data: bytes) -> bool:
    if not data or re.search(rb'[\x00-\x20"\x7f]', data) or not _is_readable(data):
        return False
    return data not in (b"(nil)", b"OK") and not data.startswith(b"ERROR")


def _is_readable(data: bytes) -> bool:
    """UTF-8 whose characters beyond ASCII neither break a line nor vanish from it."""
    if data.isascii():
        return True
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isascii() or unicodedata.category(character) not in _HIDDEN for character in text)
