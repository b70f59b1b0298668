"""ttl.json, versions.json, views.json: arithmetic on 64 bits."""

import struct

MAX_I64, MAX_U64 = 2**63 - 1, 2**64 - 1
NOW = 1_700_000_000_000


def ttl():
    """The server's arithmetic, which a client that computes `expires_at_ms` shares."""
    deadlines = [
        {"ttl_ms": str(ttl), "now": str(now), "expires_at_ms": str(0 if ttl == 0 else min(now + ttl, MAX_U64))}
        for ttl in (0, 1, 2, 999, 60_000, 2**31, 2**53 + 1, MAX_I64 - 1, MAX_I64)
        for now in (0, 1, NOW, 2**48 - 1, MAX_I64, MAX_U64 - 1, MAX_U64)
    ]
    states = []
    for expires in (0, 1, NOW - 1, NOW, NOW + 1, NOW + 60_000, MAX_I64, MAX_U64):
        for now in (0, 1, NOW - 1, NOW, NOW + 1, MAX_U64):
            expired = expires != 0 and expires <= now
            state = {"expires_at_ms": str(expires), "now": str(now), "is_expired": expired}
            if not expired:
                state["ttl_ms_remaining"] = str(0 if expires == 0 else min(expires - now, MAX_I64))
            states.append(state)
    return {
        "deadlines": deadlines,
        "states": states,
        "refused_ttl_ms": [str(ttl) for ttl in (-1, -2, -60_000, -(2**31), -(2**53) - 1, -MAX_I64, -MAX_I64 - 1)],
    }


def versions():
    parts = [
        0,
        1,
        2,
        0xFFFF,
        0x10000,
        2**31,
        2**32,
        NOW << 16,
        (NOW << 16) + 1,
        (NOW + 1) << 16,
        2**63 - 1,
        2**63,
        MAX_U64 - 1,
        MAX_U64,
    ]
    ascending = [
        {"time": str(time), "writer": str(writer)} for time in parts for writer in (0, 1, 2**63 - 1, 2**63, MAX_U64)
    ]
    times = [
        {"milliseconds": str(milliseconds), "counter": counter, "time": str(milliseconds * 65536 + counter)}
        for milliseconds in (0, 1, NOW, 2**47, 2**48 - 1)
        for counter in (0, 1, 32768, 65535)
    ]
    stamps = [
        {"clock_ms": str(clock), "greatest_seen": str(last), "time": str(max(clock << 16, last + 1))}
        for last in (0, NOW << 16, (NOW << 16) + 5, (NOW << 16) + 65535, (NOW + 1500) << 16, MAX_U64 - 1)
        for clock in (0, NOW - 1, NOW, NOW + 1)
    ]
    return {"ascending": ascending, "times": times, "stamps": stamps}


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def view(epoch, members):
    data = struct.pack("<Q", epoch)
    for name, incarnation in sorted((name.encode(), incarnation) for name, incarnation in members.items()):
        data += name + b"\0" + struct.pack("<Q", incarnation)
    value = fnv1a(data)
    return {
        "epoch": str(epoch),
        "members": [{"node": name, "incarnation": str(incarnation)} for name, incarnation in members.items()],
        "hashed": data.hex(),
        "hash": str(value),
        "id": str(2 if value < 2 else value),
    }


def views():
    views = [
        view(1, {"n1": 1}),
        view(7, {"n1": 0, "n2": 0}),
        view(7, {"n2": 0, "n1": 0}),
        view(7, {"n1": 1_700_000_000_000_000, "n2": 1_700_000_000_000_001}),
        view(7, {"n1": 1_700_000_000_000_001, "n2": 1_700_000_000_000_000}),
        view(8, {"n1": 1_700_000_000_000_000, "n2": 1_700_000_000_000_001}),
        view(0, {}),
        view(MAX_U64, {"n1": MAX_U64}),
        view(NOW, {f"n{number}": number for number in (10, 9, 2, 1)}),
        view(NOW, {"B": 1, "a": 2, "Z": 3, "é": 4, "z": 5, "日本": 6, "\U0001f34e": 7, "\uffee": 8}),
        view(3, {"n": 1, "n1": 1, "n10": 1}),
        view(3, {"": 1}),
    ]
    assert views[1]["id"] == views[2]["id"] and views[3]["id"] != views[4]["id"]
    identifiers = [{"hash": str(value), "id": str(2 if value < 2 else value)} for value in (0, 1, 2, 3, MAX_U64)]
    return {"views": views, "identifiers": identifiers}
