"""JSON as the shard map's rules want it: what Python's reader lets pass beyond the standard is refused."""

from __future__ import annotations

import json
import re
from typing import NoReturn

MAX_DEPTH = 64
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class Number(str):
    """A number as it is written, so that 4, 4.0 and 4e0 differ."""

    __slots__ = ()


class Members(list[tuple[str, object]]):
    """An object's members in their order, those of one name included."""


def parse(content: bytes) -> object:
    """The document: dicts as `Members`, numbers as `Number`. Raises ValueError."""
    text = content.decode("utf-8").removeprefix("\ufeff")
    _check_depth(text)
    document: object = json.loads(
        text,
        object_pairs_hook=_members,
        parse_int=Number,
        parse_float=Number,
        parse_constant=_refuse,
    )
    _check_text(document)
    return document


def _members(pairs: list[tuple[str, object]]) -> Members:
    return Members(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no value of JSON")


def _check_depth(text: str) -> None:
    depth = 0
    for part in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.DOTALL):
        if part[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        elif part[0] in "]}":
            depth -= 1


def _check_text(value: object) -> None:
    if isinstance(value, Members):
        for name, member in value:
            _check_text(name)
            _check_text(member)
    elif isinstance(value, list):
        for element in value:
            _check_text(element)
    elif isinstance(value, str) and _LONE_SURROGATE.search(value):
        raise ValueError("half a surrogate pair")


def cut(text: str) -> str:
    """For a message, where a hostile file would flood the log."""
    return text if len(text) <= 64 else text[:64] + "…"


def quoted(text: str) -> str:
    """For a message: cut, in double quotes, and on one line."""
    escaped = re.sub(r'(["\\])', r"\\\1", cut(text))
    escaped = CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped)
    return f'"{escaped}"'
