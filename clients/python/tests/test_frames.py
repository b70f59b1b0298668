"""Frames arrive whole, however their bytes do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardkv.frames import Frame, FrameParser, FrameTooLargeError

frames = st.builds(
    Frame,
    type=st.integers(0, 255),
    flags=st.integers(0, 255),
    code=st.integers(0, 2**16 - 1),
    request_id=st.integers(0, 2**32 - 1),
    auxiliary=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=300),
)


def parse(parser: FrameParser, data: bytes) -> list[Frame]:
    parser.feed(data)
    found = []
    while frame := parser.next():
        found.append(frame)
    return found


@given(st.lists(frames, max_size=10), st.lists(st.integers(1, 40), min_size=1))
def test_any_cut_gives_the_same_frames(sent: list[Frame], sizes: list[int]) -> None:
    stream = b"".join(frame.encode() for frame in sent)
    parser = FrameParser(300)
    received = []
    position = turn = 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        received += parse(parser, stream[position : position + size])
        position, turn = position + size, turn + 1
    assert received == sent


@given(frames)
def test_byte_by_byte(frame: Frame) -> None:
    parser = FrameParser(300)
    data = frame.encode()
    for index in range(len(data) - 1):
        assert parse(parser, data[index : index + 1]) == []
    assert parse(parser, data[-1:]) == [frame]


def test_a_length_beyond_the_limit_is_refused_before_its_payload() -> None:
    parser = FrameParser(10)
    assert parse(parser, Frame(3, payload=bytes(10)).encode()) == [Frame(3, payload=bytes(10))]
    with pytest.raises(FrameTooLargeError):
        parse(parser, Frame(3, payload=bytes(11)).encode()[:16])
