"""Makes the vectors beside this folder, or shows that they are current.

python3 proto/conformance/generator           writes them
python3 proto/conformance/generator --check   changes nothing; fails if one differs
"""

import json
import sys
from pathlib import Path

from frames import frames
from keys import keys
from numbers_of_the_protocol import numbers
from shard_maps import shard_maps
from values import ttl, versions, views

FILES = {
    "numbers.json": numbers, "frames.json": frames, "keys.json": keys, "shardmaps.json": shard_maps, "ttl.json": ttl,
    "versions.json": versions, "views.json": views,
}  # fmt: skip


def lines(value, depth):
    """JSON with a line for each vector, so that a change shows as the vectors that it changes."""
    if depth == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return (
            "{\n" + ",\n".join(f"{json.dumps(name)}: {lines(item, depth - 1)}" for name, item in value.items()) + "\n}"
        )
    return "[\n" + ",\n".join(lines(item, depth - 1) for item in value) + "\n]"


def main():
    folder = Path(__file__).parents[1]
    outdated = []
    for name, make in FILES.items():
        text = lines(make(), 2) + "\n"
        if "--check" not in sys.argv:
            (folder / name).write_text(text, encoding="utf-8")
        elif (folder / name).read_text(encoding="utf-8") != text:
            outdated.append(name)
    if outdated:
        sys.exit(f"error: not what the generator makes: {', '.join(outdated)}; run python3 proto/conformance/generator")


main()
