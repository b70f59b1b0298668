"""shardmaps.json: files that are shard maps, and files that are refused, with the reason."""

NODE = '"n1":{"address":"h","port":1}'


def text(num_shards="4", nodes=NODE, shards="", more=""):
    return f'{{"numShards":{num_shards},"nodes":{{{nodes}}},"shards":{{{shards}}}{more}}}'


def valid_map(name, file, num_shards, nodes, shards, epoch=None):
    shards = {str(shard): members for shard, members in shards.items()}
    expected = {
        "epoch": None if epoch is None else str(epoch),
        "num_shards": num_shards,
        "nodes": nodes,
        "shards": shards,
    }
    return {"name": name, **contents(file), "map": expected}


def contents(file):
    return {"text": file} if isinstance(file, str) else {"bytes": file.hex()}


def invalid_map(name, file, *faults):
    return {
        "name": name,
        **contents(file),
        "faults": [dict(zip(("place", "message"), fault, strict=True)) for fault in faults],
    }


def valid():
    one = {"n1": {"address": "h", "port": 1}}
    hosts = '"a":{"address":"[::1]","port":1},"b":{"address":"::1","port":2},"c":{"address":"[h]","port":3}'
    host_nodes = {
        "a": {"address": "::1", "port": 1},
        "b": {"address": "::1", "port": 2},
        "c": {"address": "[h]", "port": 3},
    }
    longest = "x" * 255
    yield valid_map(
        "shards that are not listed, empty, or null have no node",
        text(shards='"1":["n1"],"2":[],"3":null'),
        4,
        one,
        {1: ["n1"]},
    )
    yield valid_map("no node at all", text(nodes=""), 4, {}, {})
    yield valid_map(
        "members that no rule names are skipped",
        text(more=',"comment":[{"a":null}],"Epoch":"x"', nodes='"n1":{"address":"h","port":1,"zone":7}'),
        4,
        one,
        {},
    )
    yield valid_map(
        "the order of a shard's nodes is kept",
        text("1", NODE + ',"n0":{"address":"i","port":1}', '"1":["n1","n0"]'),
        1,
        {**one, "n0": {"address": "i", "port": 1}},
        {1: ["n1", "n0"]},
    )
    yield valid_map("epoch 0", text(more=',"epoch":0'), 4, one, {}, epoch=0)
    yield valid_map("the greatest epoch", text(more=',"epoch":9223372036854775807'), 4, one, {}, epoch=2**63 - 1)
    yield valid_map("the most shards", text("1048576", shards='"1048576":["n1"]'), 1 << 20, one, {1 << 20: ["n1"]})
    yield valid_map(
        "IPv6 addresses in brackets and not, and brackets that are none of an address",
        text(nodes=hosts),
        4,
        host_nodes,
        {},
    )
    yield valid_map(
        "ports 1 and 65535 of one host",
        text(nodes=NODE + ',"n2":{"address":"h","port":65535}'),
        4,
        {**one, "n2": {"address": "h", "port": 65535}},
        {},
    )
    yield valid_map(
        "names and addresses of 255 bytes, names with spaces",
        text(nodes=f'"{longest}":{{"address":"{longest}","port":1}}," ":{{"address":"i","port":1}}'),
        4,
        {longest: {"address": longest, "port": 1}, " ": {"address": "i", "port": 1}},
        {},
    )
    yield valid_map(
        "escapes, in names of members too",
        r'{"num\u0053hards":1,"nodes":{"\ud83d\ude00\"\\\/":{"address":"h","port":1}},"shards":{"\u0031":["😀\"\\/"]}}',
        1,
        {'😀"\\/': {"address": "h", "port": 1}},
        {1: ['😀"\\/']},
    )
    yield valid_map("a byte order mark, and spaces of all four kinds", "\ufeff \t\r\n" + text() + "\n", 4, one, {})


def invalid():
    greatest = 9223372036854775807
    yield invalid_map("nothing is there", "{}", ("numShards", "missing"), ("nodes", "missing"), ("shards", "missing"))
    for file, found in (("null", "null"), ("[]", "an array"), ("7", "7"), ('"x"', "a string"), ("true", "true")):
        yield invalid_map(f"the top is {found}", file, ("top level", f"expected an object, found {found}"))
    for number in ("0", "-3", "1048577", "99999999999999999999"):
        yield invalid_map(f"{number} shards", text(number), ("numShards", f"{number} is outside 1…1048576"))
    for file, found in (
        ("4.0", "4.0"),
        ("4e0", "4e0"),
        ('"4"', "a string"),
        ("true", "true"),
        ("null", "null"),
        ("[4]", "an array"),
    ):
        yield invalid_map(f"numShards is {file}", text(file), ("numShards", f"expected an integer, found {found}"))
    for epoch in ("-1", str(greatest + 1)):
        yield invalid_map(
            f"epoch {epoch}", text(more=f',"epoch":{epoch}'), ("epoch", f"{epoch} is outside 0…{greatest}")
        )
    for file, found in (("1.5", "1.5"), ("null", "null"), ('"1"', "a string")):
        yield invalid_map(
            f"epoch is {file}", text(more=f',"epoch":{file}'), ("epoch", f"expected an integer, found {found}")
        )
    for name, more in (
        ("numShards", ',"numShards":5'),
        ("epoch", ',"epoch":1,"epoch":1'),
        ("nodes", ',"nodes":{}'),
        ("shards", ',"shards":{}'),
    ):
        yield invalid_map(f"{name} is there twice", text(more=more), (name, "is there twice"))
    yield from invalid_nodes()
    yield from invalid_shards()
    yield from no_json()


def invalid_nodes():
    def node(name, entry, *faults, key='"n1"'):
        return invalid_map(name, text(nodes=f"{key}:{entry}"), *faults)

    place = 'nodes."n1"'
    yield node("a node is an array", "[]", (place, "expected an object, found an array"))
    yield node("a node without a port", '{"address":"h"}', (place + ".port", "missing"))
    yield node("a node without an address", '{"port":1}', (place + ".address", "missing"))
    yield node("two ports", '{"address":"h","port":1,"port":2}', (place + ".port", "is there twice"))
    for port in ("0", "-1", "65536", "70000"):
        yield node(f"port {port}", f'{{"address":"h","port":{port}}}', (place + ".port", f"{port} is outside 1…65535"))
    yield node(
        "the port is a string", '{"address":"h","port":"1"}', (place + ".port", "expected an integer, found a string")
    )
    yield node("the address is a number", '{"address":1,"port":1}', (place + ".address", "expected a string, found 1"))
    for address, fault in (
        ("", "is empty"),
        ("h h", "has a space"),
        (r"h\u0000", "has a control character"),
        ("x" * 256, "is longer than 255 bytes"),
    ):
        yield node(
            f"the address {fault}", f'{{"address":"{address}","port":1}}', (place + ".address", f"the address {fault}")
        )
    entry = '{"address":"h","port":1}'
    yield node("an empty name", entry, ('nodes.""', "the name is empty"), key='""')
    yield node(
        "a name with a control character",
        entry,
        (r'nodes."a\u000ab"', "the name has a control character"),
        key=r'"a\nb"',
    )
    yield node(
        "a name of 256 bytes",
        entry,
        ('nodes."' + "é" * 64 + '…"', "the name is longer than 255 bytes"),
        key='"' + "é" * 128 + '"',
    )
    yield invalid_map(
        "a node is there twice", text(nodes=NODE + ',"n1":{"address":"i","port":1}'), (place, "the node is there twice")
    )
    twins = ',"n2":{"address":"h","port":1}'
    yield invalid_map(
        "two nodes at one address",
        text(nodes=NODE + twins),
        ('nodes."n2"', 'node "n1" has the same address and port, h:1'),
    )


def invalid_shards():
    def shard(name, entry, *faults):
        return invalid_map(name, text(shards=entry), *faults)

    for number in ("0", "5", "-1", "99999999999999999999"):
        yield shard(f"shard {number} of 4", f'"{number}":[]', (f'shards."{number}"', f"shard {number} is outside 1…4"))
    for number in ("01", "1.0", "+1", " 1", "", "x", "-0", "１"):
        yield shard(
            f"the shard is called '{number}'",
            f'"{number}":[]',
            (f'shards."{number}"', "not a shard number (an integer in plain digits)"),
        )
    yield shard("a shard is there twice", '"1":["n1"],"1":[]', ('shards."1"', "the shard is there twice"))
    for entry, found in (('"n1"', "a string"), ("{}", "an object"), ("1", "1"), ("false", "false")):
        yield shard(
            f"a shard is {found}", f'"1":{entry}', ('shards."1"', f"expected an array of node names, found {found}")
        )
    yield shard("an unknown node", '"1":["n1","n9"]', ('shards."1"[1]', 'unknown node "n9"'))
    yield shard("a node twice in one shard", '"1":["n1","n1"]', ('shards."1"[1]', 'node "n1" is there twice'))
    yield shard("a node's name is a number", '"1":[7]', ('shards."1"[0]', "expected a string, found 7"))
    yield shard("a node's name is null", '"1":[null]', ('shards."1"[0]', "expected a string, found null"))
    yield invalid_map(
        "a fault brings no others with it",
        '{"numShards":"x","shards":{"9":["n1"]}}',
        ("numShards", "expected an integer, found a string"),
        ("nodes", "missing"),
    )


def no_json():
    """Files that are no JSON; where a parser notices is its own affair, so no place is given."""
    broken = [
        "",
        " \n ",
        "{",
        '{"a" 1}',
        '{"a":1,}',
        "[1 2]",
        "[1,]",
        "[01]",
        "[1.]",
        "[.5]",
        "[-]",
        "[+1]",
        "[1e]",
        "nul",
        "NaN",
        "[Infinity]",
        "{} x",
        '"a',
        '"a\nb"',
        r'"\x"',
        r'"\u12g4"',
        r'"\ud800"',
        r'"\udc00\ud800"',
        r'"\ud800\u0041"',
        "'a'",
        "é",
        "{a:1}",
        text() + text(),
        text(more=","),
        text() + "//",
        "[" * 100,
    ]
    for file in broken:
        yield {"name": f"no JSON: {file[:40]!r}", "text": file, "is_json": False}
    for file in (
        b'["\xff\xfe"]',
        b'["\xc3"]',
        b'["\xed\xa0\x80"]',
        b'["\xc0\x80"]',
        b'["\xf4\x90\x80\x80"]',
        b"\xff\xfe{\0}\0",
    ):
        yield {"name": f"no UTF-8: {file!r}", "bytes": file.hex(), "is_json": False}


def shard_maps():
    return {"valid": list(valid()), "invalid": list(invalid())}
