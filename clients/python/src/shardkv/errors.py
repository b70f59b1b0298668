"""What a call raises, and what one replica answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from . import kv_pb2
from .frames import Frame
from .status import Reason, StatusCode

AnyMessage = TypeVar("AnyMessage", bound=Message)


@dataclass(eq=False)
class ReplicaError(Exception):
    """What a server answered in place of a response, or what became of a request to it."""

    code: StatusCode
    message: str
    reason: Reason = Reason.NONE
    retry_after_ms: int = 0
    server_time_ms: int = 0
    view: kv_pb2.View | None = field(default=None, repr=False)
    refused: bool = False
    """The node took no connection: nothing was sent, and nothing was waited for."""

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"

    @classmethod
    def from_frame(cls, frame: Frame) -> ReplicaError:
        """The error in a RESPONSE or a GOAWAY."""
        try:
            details = kv_pb2.Error.FromString(frame.payload)
        except DecodeError:
            details = kv_pb2.Error()
        return cls(
            StatusCode(frame.code & 0xFF),
            details.message,
            Reason(frame.code >> 8),
            retry_after_ms=frame.retry_after_ms,
            server_time_ms=details.server_time_ms,
            view=details.view if details.HasField("view") else None,
        )

    @property
    def ends_call(self) -> bool:
        """The request itself is at fault: no other replica would answer otherwise."""
        return self.code is StatusCode.INVALID_ARGUMENT

    @property
    def is_redirect(self) -> bool:
        """The node does not serve this shard, or not by the view that the request named."""
        return self.reason in (Reason.WRONG_VIEW, Reason.NOT_HOSTED, Reason.MOVING)

    @property
    def is_transient(self) -> bool:
        """The replica said that it will pass, or the map that led there is being changed."""
        return (
            self.is_redirect
            or self.reason in (Reason.NOT_READY, Reason.DRAINING, Reason.OVERLOADED)
            or self.retry_after_ms > 0
        )

    @property
    def is_silence(self) -> bool:
        """The node did not answer: it is hung, dead or cut off."""
        return self.code in (StatusCode.DEADLINE_EXCEEDED, StatusCode.UNAVAILABLE) and not self.is_transient

    @property
    def is_lost(self) -> bool:
        """The node cannot be reached, or knows nothing of the shard."""
        return self.is_silence or (self.reason is Reason.NOT_HOSTED and self.view is None)

    @property
    def may_have_executed(self) -> bool:
        return self.reason is Reason.INDETERMINATE

    @property
    def refuses_stamp(self) -> bool:
        """The version of a write was refused; a new one, by the server's clock, may not be."""
        return self.reason in (Reason.FUTURE, Reason.TOO_OLD)


def decoded(message: type[AnyMessage], payload: bytes) -> AnyMessage:
    """A response's message; raises ReplicaError if the payload is none."""
    try:
        return message.FromString(payload)
    except DecodeError as error:
        raise ReplicaError(StatusCode.INTERNAL, f"the payload is not a {message.__name__}") from error


@dataclass(frozen=True)
class ReplicaFailure:
    """One replica's part in a call that failed."""

    node: str
    code: StatusCode
    reason: Reason
    message: str

    @classmethod
    def of(cls, node: str, error: ReplicaError) -> ReplicaFailure:
        return cls(node, error.code, error.reason, error.message)

    def __str__(self) -> str:
        return f"{self.node}: {self.code.name}: {self.message}"


class ShardKVError(Exception):
    """A call failed. `replica_failures` tells each replica's own story."""

    is_indeterminate = False
    """A write may have happened all the same, wholly or on a part of the replicas."""

    def __init__(
        self,
        code: StatusCode,
        message: str,
        *,
        reason: Reason = Reason.NONE,
        replica_failures: Iterable[ReplicaFailure] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.replica_failures = tuple(replica_failures)

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


class IndeterminateWriteError(ShardKVError):
    """A write did not succeed, and may have happened all the same: reads may return either value until the key is
    written again.

    A cancelled write raises CancelledError, as every cancelled call must; this error is then behind it.
    """

    is_indeterminate = True

    @staticmethod
    def behind(error: BaseException | None) -> IndeterminateWriteError | None:
        """The one that a cancellation, or a TimeoutError that came of it, was caused by; None = nothing is in doubt."""
        while error is not None:
            if isinstance(error, IndeterminateWriteError):
                return error
            error = error.__cause__
        return None


class RetryBudgetExhaustedError(ShardKVError):
    """A retry was due, but retries already are too large a share of all requests: the cluster is to be spared."""


class _UnrepeatedWriteError(IndeterminateWriteError, RetryBudgetExhaustedError):
    """Both: the budget forbade to ask a replica again, and another one may have the write."""


class ShardMapError(ShardKVError):
    """A shard map was refused, with all of its faults."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(StatusCode.INVALID_ARGUMENT, "; ".join(self.faults))


class BatchError(ShardKVError):
    """Some keys of a call with many failed: `failures` by key; the other keys succeeded."""

    def __init__(self, failures: dict[bytes, ShardKVError], values: dict[bytes, bytes] | None = None) -> None:
        self.failures = failures
        self.values = values or {}
        """What get_many found under the other keys."""
        first = next(iter(failures.values()))
        super().__init__(
            first.code,
            f"{len(failures)} keys failed, the first: {first.message}",
            reason=first.reason,
        )
        self.is_indeterminate = any(failure.is_indeterminate for failure in failures.values())


def failure_of(
    failures: Sequence[ReplicaFailure],
    *,
    acknowledged: Sequence[str] = (),
    is_indeterminate: bool = False,
    is_budget_exhausted: bool = False,
) -> ShardKVError:
    """One code and one line for all replicas. The last one's code stands for all."""
    message = "; ".join(map(str, failures)) or "the deadline passed before a replica was asked"
    code = failures[-1].code if failures else StatusCode.DEADLINE_EXCEEDED
    reason = failures[-1].reason if failures else Reason.NONE
    if acknowledged:
        message += f"; acknowledged by {', '.join(acknowledged)}"
    if is_budget_exhausted:
        message = f"the retry budget is exhausted: {message}"
    if is_indeterminate:
        code, reason = StatusCode.UNKNOWN, Reason.INDETERMINATE
        message = f"the write may or may not have happened: {message}"
    kinds = {
        (False, False): ShardKVError,
        (False, True): RetryBudgetExhaustedError,
        (True, False): IndeterminateWriteError,
        (True, True): _UnrepeatedWriteError,
    }
    return kinds[is_indeterminate, is_budget_exhausted](code, message, reason=reason, replica_failures=failures)
