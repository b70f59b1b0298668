"""numbers.json: every number of the protocol."""

from encoding import FRAME_TYPES, SCHEMA

STATUSES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE "
    "DATA_LOSS UNAUTHENTICATED"
).split()
# Each reason's name and the status that it goes with.
REASONS = [
    ("none", None), ("wrongView", "ABORTED"), ("notReady", "UNAVAILABLE"), ("tooOld", "FAILED_PRECONDITION"),
    ("future", "OUT_OF_RANGE"), ("indeterminate", "UNKNOWN"), ("notHosted", "NOT_FOUND"), ("moving", "UNAVAILABLE"),
    ("memoryFull", "RESOURCE_EXHAUSTED"), ("draining", "UNAVAILABLE"), ("tooLarge", "RESOURCE_EXHAUSTED"),
    ("overloaded", "RESOURCE_EXHAUSTED"), ("stalePage", "FAILED_PRECONDITION"), ("refused", "UNAVAILABLE"),
]  # fmt: skip


def numbers():
    return {
        "protocol_version": 1,
        "header_bytes": 16,
        "frame_types": FRAME_TYPES,
        "statuses": {name: number for number, name in enumerate(STATUSES)},
        "reasons": {name: {"number": number, "status": status} for number, (name, status) in enumerate(REASONS)},
        "methods": {
            name: {"number": number, "request": request, "response": answer}
            for name, (number, request, answer) in SCHEMA.methods.items()
        },
        "default_limits": {
            "max_key_bytes": 65536,
            "max_value_bytes": 67108864,
            "max_payload_bytes": 65536 + 67108864 + 1024,
        },
        "greatest_frame_bytes": 2**30,
    }
