"""Which nodes a client takes for a shard's owners: those that a server told, or else those of its map."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from . import kv_pb2
from .hashing import UNKNOWN_VIEW, view_identifier
from .shard_map import Address, ShardMap, address_of


@dataclass(frozen=True)
class View:
    """A shard's configuration as a server told it."""

    shard: int
    epoch: int
    incarnations: Mapping[str, int]
    """Of each member, by its name."""
    addresses: Mapping[str, Address] = field(compare=False)

    @classmethod
    def from_message(cls, message: kv_pb2.View) -> View:
        return cls(
            message.shard,
            message.epoch,
            {member.node: member.incarnation for member in message.members},
            {member.node: address_of(member.address, member.port) for member in message.members},
        )

    def to_message(self) -> kv_pb2.View:
        members = []
        for name, incarnation in self.incarnations.items():
            address = self.addresses[name]
            members.append(kv_pb2.Member(node=name, address=address.host, port=address.port, incarnation=incarnation))
        return kv_pb2.View(shard=self.shard, epoch=self.epoch, members=members)

    @cached_property
    def identifier(self) -> int:
        return view_identifier(self.epoch, self.incarnations)

    def merged(self, other: View) -> View:
        """Of the same epoch and members: the greater incarnation of each."""
        incarnations = {name: max(value, other.incarnations[name]) for name, value in self.incarnations.items()}
        return View(self.shard, self.epoch, incarnations, {**self.addresses, **other.addresses})


@dataclass(frozen=True)
class Route:
    """Where a call goes: to the members by the view, or by the map if no view is known."""

    shard: int
    members: tuple[str, ...]
    view: View | None

    @property
    def view_identifier(self) -> int:
        return self.view.identifier if self.view else UNKNOWN_VIEW

    def is_replaced_by(self, other: Route) -> bool:
        """Whether what was acknowledged by this route does not count by the other one."""
        return set(self.members) != set(other.members) or self.view_identifier != other.view_identifier


class Lesson(enum.Enum):
    """What a server's view was to the client."""

    NEWER = enum.auto()
    """It was taken over: the route has changed."""
    SAME = enum.auto()
    """Nothing new."""
    OLDER = enum.auto()
    """The server is behind the client."""


class Routing:
    """The newest view that any server told counts, not the map, which is where a client begins.

    A view may be older than the map, while its members still serve the shard.
    """

    def __init__(self, shard_map: ShardMap, epoch: int) -> None:
        self.map = shard_map
        self.epoch = epoch
        """The map's, given or derived; 0 = unknown."""
        self._views: dict[int, View] = {}
        self._changed: asyncio.Future[None] | None = None

    def route(self, shard: int) -> Route:
        view = self._views.get(shard)
        if view:
            return Route(shard, tuple(view.incarnations), view)
        return Route(shard, self.map.members(shard), None)

    def changed(self) -> asyncio.Future[None]:
        """Done at the next change of any route."""
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    def follow(self, shard_map: ShardMap, epoch: int) -> None:
        """Takes over a map."""
        self.map, self.epoch = shard_map, epoch
        self._announce()

    def learn(self, message: kv_pb2.View) -> Lesson:
        """Takes in a view that a server told, if it is news."""
        view = View.from_message(message)
        if not view.incarnations or not 1 <= view.shard <= self.map.num_shards:
            return Lesson.SAME
        known = self._views.get(view.shard)
        if known and view.epoch == known.epoch and set(view.incarnations) == set(known.incarnations):
            merged = known.merged(view)
            if merged == known:
                return Lesson.SAME if view == known else Lesson.OLDER
            view = merged
        elif known and view.epoch <= known.epoch:
            return Lesson.OLDER
        self._views[view.shard] = view
        self._announce()
        return Lesson.NEWER

    def forget(self, view: View) -> None:
        """None of its members can be reached: the map may know better."""
        if self._views.get(view.shard) == view and set(view.incarnations) != set(self.map.members(view.shard)):
            del self._views[view.shard]
            self._announce()

    def _announce(self) -> None:
        if self._changed and not self._changed.done():
            self._changed.set_result(None)
        self._changed = None
