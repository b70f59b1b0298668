"""The frames of the methods that servers call on each other: every field of every message, filled by its type."""

import itertools
import struct

from encoding import SCHEMA


def samples():
    """Each method's name, and the fields of its request and of its response."""
    for method, (_, request, response) in SCHEMA.methods.items():
        if method.startswith("kv.Peer."):
            numbers = itertools.count(1)
            yield method, fields_of(request, numbers), fields_of(response, numbers)


def fields_of(message, numbers):
    return {name: sample(kind, many, numbers) for _, name, kind, many in SCHEMA.messages[message]}


def sample(kind, many, numbers):
    if many:
        return [sample(kind, False, numbers) for _ in range(2)]
    if kind in SCHEMA.messages:
        return fields_of(kind, numbers)
    if kind in SCHEMA.enums:
        return list(SCHEMA.enums[kind])[1]
    number = next(numbers)
    samples = {
        "bool": True,
        "string": f"n{number:03}",
        "bytes": struct.pack("<Q", 2**56 + number).hex(),
        "fixed64": str(2**64 - number),
    }
    return samples.get(kind, number)
