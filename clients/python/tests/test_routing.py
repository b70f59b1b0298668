"""Which of two views is the newer one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shardkv import kv_pb2
from shardkv.hashing import UNKNOWN_VIEW
from shardkv.routing import Lesson, Routing
from shardkv.shard_map_reader import parse_shard_map

MAP = parse_shard_map(
    b'{"numShards":1,"nodes":{"a":{"address":"h","port":1},"b":{"address":"h","port":2}},"shards":{"1":["a","b"]}}'
)


def view(epoch: int, incarnations: Mapping[str, int], shard: int = 1) -> kv_pb2.View:
    members = [kv_pb2.Member(node=name, address="h", port=1, incarnation=value) for name, value in incarnations.items()]
    return kv_pb2.View(shard=shard, epoch=epoch, members=members)


def test_without_a_view_the_map_counts() -> None:
    route = Routing(MAP, 9).route(1)
    assert (route.members, route.view_identifier) == (("a", "b"), UNKNOWN_VIEW)


@pytest.mark.parametrize(
    "known, told, lesson, members",
    [
        (None, view(1, {"b": 1}), Lesson.NEWER, {"b": 1}),
        (view(5, {"a": 1}), view(6, {"b": 1}), Lesson.NEWER, {"b": 1}),
        (view(5, {"a": 1}), view(4, {"b": 1}), Lesson.OLDER, {"a": 1}),
        (view(5, {"a": 1}), view(5, {"a": 1}), Lesson.SAME, {"a": 1}),
        (view(5, {"a": 1, "b": 9}), view(5, {"b": 2, "a": 3}), Lesson.NEWER, {"a": 3, "b": 9}),
        (view(5, {"a": 3, "b": 9}), view(5, {"b": 2, "a": 3}), Lesson.OLDER, {"a": 3, "b": 9}),
        (view(5, {"a": 1}), view(5, {"b": 1}), Lesson.OLDER, {"a": 1}),
        (view(5, {"a": 1}), view(6, {}), Lesson.SAME, {"a": 1}),
        (view(5, {"a": 1}), view(6, {"b": 1}, shard=2), Lesson.SAME, {"a": 1}),
    ],
)
def test_what_a_view_teaches(
    known: kv_pb2.View | None, told: kv_pb2.View, lesson: Lesson, members: dict[str, int]
) -> None:
    routing = Routing(MAP, 9)
    if known:
        assert routing.learn(known) is Lesson.NEWER
    assert routing.learn(told) is lesson
    learned = routing.route(1).view
    assert learned and learned.incarnations == members


def test_a_forgotten_view_leaves_the_map() -> None:
    routing = Routing(MAP, 9)
    routing.learn(view(10, {"c": 1}))
    learned = routing.route(1).view
    assert learned
    routing.forget(learned)
    assert routing.route(1).members == ("a", "b")
