"""The command line: `python -m shardkv shell`."""

from __future__ import annotations

import argparse
import os
import re
import sys

from .blocking import Client
from .cluster import Options
from .consistency import Consistency
from .errors import ShardKVError
from .shell import run_shell

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def _duration(text: str) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)", text)
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError("expected a time above 0 with its unit: 250ms, 1s, 2m")
    return float(match[1]) * _UNITS[match[2]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shardkv")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shell = commands.add_parser("shell", help="read commands, a line each, and print a line for each")
    shell.add_argument("--shardmap", help="the shard map's file; without it, the environment variable SHARDKV_SHARDMAP")
    shell.add_argument("--nodes", help="in place of a map: HOST:PORT,… of nodes to ask for it")
    shell.add_argument("--timeout", type=_duration, help="how long a call may take, with its unit: 250ms, 1s, 2m")
    levels = [level.value for level in Consistency]
    shell.add_argument("--write-consistency", choices=levels, default="all", help="replicas that a write waits for")
    shell.add_argument("--read-consistency", choices=levels[:2], default="one", help="replicas that a read asks")
    shell.add_argument(
        "--hedge-after", type=_duration, help="when a read also asks the next replica: 20ms; never without it"
    )
    return parser


def main() -> int:
    """The exit code: 1 if there is no client to be had, as with a faulty map."""
    arguments = _parser().parse_args()
    nodes = arguments.nodes.split(",") if arguments.nodes else []
    shard_map = None if nodes else arguments.shardmap or os.environ.get("SHARDKV_SHARDMAP")
    if not nodes and not shard_map:
        print("error: no shard map: give --shardmap FILE, or set SHARDKV_SHARDMAP", file=sys.stderr)
        return 1
    try:
        client = Client(
            shard_map,
            nodes=nodes,
            options=Options(hedge_after=arguments.hedge_after),
            read_consistency=Consistency(arguments.read_consistency),
            write_consistency=Consistency(arguments.write_consistency),
        )
    except (ShardKVError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with client:
        run_shell(client, arguments.timeout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
