"""keys.json: where keys belong."""

import random

SHARD_COUNTS = [1, 2, 3, 5, 7, 8, 10, 16, 64, 100, 1000, 4096, 65535, 65536, 1_000_003, 1_048_576]


def fnv1(data):
    value = 2166136261
    for byte in data:
        value = value * 16777619 % 2**32 ^ byte
    return value


def sample_keys():
    texts = [
        "",
        "a",
        "b",
        "apple",
        "foobar",
        "key",
        "user:1",
        "user:10",
        "grün",
        "日本語",
        "ключ",
        "🍎",
        "e\u0301",
        "\u00e9",
    ]
    texts += ["a b", " a", "a ", "a\n", "\t", '"', "\\", "%00", "A", "\ufeff", "\U0010ffff"]
    yield from (text.encode() for text in texts)
    yield from (bytes([value]) for value in range(256))
    yield from (bytes([0] * count) for count in range(2, 9))
    yield from (bytes([255] * count) for count in range(2, 9))
    yield from [
        b"a\0",
        b"\0a",
        b"a\0b",
        b"key\0with",
        b"\xc3",
        b"\xff\xfe",
        b"\x80" * 5,
        bytes(range(256)),
        bytes(range(255, -1, -1)),
    ]
    yield from (f"key-{number}".encode() for number in range(100))
    generator = random.Random(1)
    yield from (generator.randbytes(generator.randrange(2, 64)) for _ in range(100))
    yield from (generator.randbytes(size) for size in (127, 128, 1023, 1024, 4096))


def keys():
    entries = []
    for data in dict.fromkeys(sample_keys()):
        value = fnv1(data)
        shards = [value % count + 1 for count in SHARD_COUNTS]
        entries.append({"key": data.hex(), "hash": value, "shards": shards})
    return {"shard_counts": SHARD_COUNTS, "keys": entries}
