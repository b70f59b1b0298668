"""The numbers of statuses and reasons."""

from __future__ import annotations

import enum


class StatusCode(enum.IntEnum):
    """The canonical gRPC status codes."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @classmethod
    def _missing_(cls, value: object) -> StatusCode:
        return cls.UNKNOWN


class Reason(enum.IntEnum):
    """Why, where the status code alone does not tell a client what to do."""

    NONE = 0
    WRONG_VIEW = 1
    NOT_READY = 2
    TOO_OLD = 3
    FUTURE = 4
    INDETERMINATE = 5
    NOT_HOSTED = 6
    MOVING = 7
    MEMORY_FULL = 8
    DRAINING = 9
    TOO_LARGE = 10
    OVERLOADED = 11
    STALE_PAGE = 12
    REFUSED = 13

    @classmethod
    def _missing_(cls, value: object) -> Reason:
        return cls.NONE
